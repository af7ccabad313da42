#include <dnnl.h>
#include <fmt/format.h>
#include <hwy/highway.h>
#include <sndfile.h>
#include <soxr.h>
#include <unistd.h>

#include <cmath>
#include <filesystem>
#include <fstream>
#include <memory>
#include <nlohmann/json.hpp>
#include <string>
#include <system_error>
#include <vector>

#include "cli/locations.h"
#include "cli/verbs.h"
#include "engine/backends/plugin_loader.h"
#include "engine/device/cpu_info.h"
#include "engine/device/cuda_driver.h"

namespace vggroove::cli {

namespace {

using Json = nlohmann::ordered_json;

constexpr const char* kFooter =
    "Examples:\n"
    "  vggroove info\n"
    "  vggroove info --json";

constexpr const char* kFormats = "WAV, FLAC, Ogg Vorbis, Opus, MP3, AIFF, AU, CAF, W64, RF64";

// The processor's name as the system has it; empty where it has none (another architecture).
std::string cpu_name() {
  std::ifstream file("/proc/cpuinfo");
  std::string line;
  while (std::getline(file, line)) {
    if (line.starts_with("model name")) {
      const std::size_t colon = line.find(": ");
      return colon == std::string::npos ? "" : line.substr(colon + 2);
    }
  }
  return "";
}

double memory_gib() {
  return static_cast<double>(sysconf(_SC_PHYS_PAGES)) * static_cast<double>(sysconf(_SC_PAGESIZE)) /
         (1 << 30);
}

Json libraries() {
  const dnnl_version_t* dnnl = dnnl_version();
  return {{"oneDNN", fmt::format("{}.{}.{}", dnnl->major, dnnl->minor, dnnl->patch)},
          {"Highway", fmt::format("{}.{}", HWY_MAJOR, HWY_MINOR)},
          {"libsndfile", std::string(sf_version_string())},
          {"soxr", soxr_version()},
          {"fmt", fmt::format("{}.{}.{}", FMT_VERSION / 10000, FMT_VERSION / 100 % 100,
                              FMT_VERSION % 100)}};
}

// Of the GPUs, the driver's word: their plugin is looked for but not loaded.
Json devices() {
  const std::filesystem::path cuda = find_plugin(Device::kCuda), sim = find_plugin(Device::kSim);
  const CudaDriver driver = query_cuda_driver();
  Json gpus = Json::array();
  for (const GpuInfo& gpu : driver.devices) {
    gpus.push_back(
        {{"name", gpu.name},
         {"compute_capability", fmt::format("{}.{}", gpu.capability_major, gpu.capability_minor)},
         {"memory_gib", std::round(10 * static_cast<double>(gpu.memory_bytes) / (1 << 30)) / 10}});
  }
  return {{"cuda",
           {{"plugin", cuda.string()},
            {"usable", driver.usable() && !cuda.empty()},
            {"trouble", driver.trouble},
            {"gpus", gpus}}},
          {"sim", {{"plugin", sim.string()}}}};
}

Json collect() {
  const std::filesystem::path model = default_model_path();
  std::error_code missing;
  Json info;
  info["version"] = VGGROOVE_VERSION;
  info["cpu"] = {{"model", cpu_name()},
                 {"cores", cpu_info().num_cores},
                 {"instruction_set", cpu_info().instruction_set},
                 {"bf16_arithmetic", cpu_info().has_quick_bf16_dot}};
  info["memory_gib"] = std::round(10 * memory_gib()) / 10;
  info["devices"] = devices();
  info["processes"] = {{"plugin", find_plugin("mpi").string()}};
  info["formats"] = kFormats;
  info["libraries"] = libraries();
  info["default_model"] = {{"path", model.string()},
                           {"exists", std::filesystem::exists(model, missing)}};
  Json& folders = info["data_folders"] = Json::array();
  for (const std::filesystem::path& folder : data_folders()) {
    folders.push_back(folder.string());
  }
  return info;
}

void print_for_people(const Json& info) {
  const auto line = [](const char* name, const std::string& value) {
    fmt::print("{:<14}{}\n", name, value);
  };
  const Json& cpu = info["cpu"];
  line("vggroove", info["version"]);
  line("cpu", cpu["model"]);
  line("cores", cpu["cores"].dump());
  line("kernels", cpu["instruction_set"]);
  line("bf16", cpu["bf16_arithmetic"].get<bool>() ? "multiplied in bf16"
                                                  : "weights kept in bf16, multiplied in fp32");
  line("memory", info["memory_gib"].dump() + " GiB");
  const Json& cuda = info["devices"]["cuda"];
  std::string gpus = cuda["trouble"];
  for (const Json& gpu : cuda["gpus"]) {
    gpus += fmt::format("{}{} (compute capability {}, {} GiB)", gpus.empty() ? "" : "; ",
                        gpu["name"].get<std::string>(),
                        gpu["compute_capability"].get<std::string>(), gpu["memory_gib"].dump());
  }
  const auto plugin = [&](const char* device) {
    const std::string path = info["devices"][device]["plugin"];
    return path.empty() ? "plugin not installed" : path;
  };
  line("cuda", fmt::format("{}; {}", gpus, plugin("cuda")));
  line("sim", plugin("sim"));
  const std::string mpi = info["processes"]["plugin"];
  line("processes", mpi.empty() ? "one: the plugin for MPI is not installed" : "several, " + mpi);
  line("formats", info["formats"]);
  std::string versions;
  for (const auto& [name, version] : info["libraries"].items()) {
    versions += (versions.empty() ? "" : ", ") + name + " " + version.get<std::string>();
  }
  line("libraries", versions);
  const Json& model = info["default_model"];
  line("default model",
       model["path"].get<std::string>() + (model["exists"].get<bool>() ? "" : " (not there yet)"));
}

}  // namespace

void add_info(CLI::App& app, Action& action) {
  CLI::App* verb = app.add_subcommand("info", "What this build and this machine can do");
  verb->footer(kFooter);
  const auto json = std::make_shared<bool>(false);
  verb->add_flag("--json", *json, "Print JSON");
  verb->callback([&action, json] {
    action = [json] {
      const Json info = collect();
      if (*json) {
        fmt::print("{}\n", info.dump(2, ' ', false, Json::error_handler_t::replace));
      } else {
        print_for_people(info);
      }
      return static_cast<int>(kAllGood);
    };
  });
}

}  // namespace vggroove::cli

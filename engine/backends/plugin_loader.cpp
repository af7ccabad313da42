#include "engine/backends/plugin_loader.h"

#include <dlfcn.h>
#include <fmt/format.h>

#include <cstdlib>
#include <string_view>
#include <system_error>

#include "base/error.h"
#include "engine/backends/plugin_build.h"
#include "engine/device/cuda_driver.h"

namespace vggroove {
namespace fs = std::filesystem;

namespace {

std::string plugin_file_name(std::string_view name) {
  return fmt::format("libvggroove_{}.so", name);
}

}  // namespace

std::vector<fs::path> plugin_folders() {
  // secure_: a program that runs with more rights than its user takes no code from the user.
  if (const char* folder = secure_getenv("VGGROOVE_PLUGIN_DIR");
      folder != nullptr && *folder != '\0') {
    if (!fs::path(folder).is_absolute()) {
      throw Error(
          ErrorClass::kUsage,
          fmt::format("VGGROOVE_PLUGIN_DIR={}: not an absolute path; begin it with /", folder));
    }
    return {folder};
  }
  std::error_code no_proc;
  const fs::path program = fs::read_symlink("/proc/self/exe", no_proc);
  if (no_proc) {
    return {};
  }
  const fs::path folder = program.parent_path();
  return {folder, folder.parent_path() / VGGROOVE_LIBDIR / "vggroove"};
}

fs::path find_plugin(std::string_view name) {
  for (const fs::path& folder : plugin_folders()) {
    std::error_code missing;
    fs::path file = folder / plugin_file_name(name);
    if (fs::is_regular_file(file, missing)) {
      return file;
    }
  }
  return {};
}

fs::path find_plugin(Device device) {
  return find_plugin(device_name(device));
}

std::string plugin_places() {
  std::string places;
  for (const fs::path& folder : plugin_folders()) {
    places += (places.empty() ? "" : " or ") + folder.string();
  }
  return places;
}

const PluginEntry& open_plugin_entry(const fs::path& file) {
  void* const library = dlopen(file.c_str(), RTLD_NOW | RTLD_LOCAL);
  if (library == nullptr) {
    throw Error(ErrorClass::kUnsupported,
                fmt::format("{}: cannot be loaded: {}", file.string(), dlerror()));
  }
  using EntryFunction = const PluginEntry* (*)();
  const auto entry_of = reinterpret_cast<EntryFunction>(dlsym(library, kPluginSymbol));
  if (entry_of == nullptr) {
    throw Error(ErrorClass::kUnsupported, file.string() + ": is no plugin of vggroove");
  }
  const PluginEntry& entry = *entry_of();
  const bool same_contract = entry.contract == kPluginContract;
  if (!same_contract || std::string_view(entry.build) != kPluginBuild) {
    throw Error(
        ErrorClass::kUnsupported,
        fmt::format("{}: belongs to another build of vggroove ({}; this is {}); install "
                    "program and plugin together",
                    file.string(),
                    same_contract ? entry.build : fmt::format("contract {}", entry.contract),
                    same_contract ? kPluginBuild : fmt::format("contract {}", kPluginContract)));
  }
  return entry;
}

const Plugin& open_plugin(const fs::path& file) {
  const PluginEntry& entry = open_plugin_entry(file);
  if (entry.plugin == nullptr) {
    throw Error(ErrorClass::kUnsupported, file.string() + ": is a plugin, but no device's");
  }
  return *entry.plugin;
}

const Plugin& open_plugin(Device device) {
  const fs::path file = find_plugin(device);
  if (file.empty()) {
    throw Error(ErrorClass::kNotFound,
                fmt::format("no {} in {}; it comes with builds made where a CUDA toolkit is; say "
                            "where it is with $VGGROOVE_PLUGIN_DIR, or compute on cpu",
                            plugin_file_name(device_name(device)), plugin_places()));
  }
  return open_plugin(file);
}

DeviceChoice choose_device(Device wanted) {
  switch (wanted) {
    case Device::kCpu:
      break;
    case Device::kSim:
      open_plugin(Device::kSim);
      return {Device::kSim, ""};
    case Device::kCuda: {
      if (find_plugin(Device::kCuda).empty()) {
        open_plugin(Device::kCuda);  // throws: says where it was looked for
      }
      const CudaDriver driver = query_cuda_driver();
      if (!driver.usable()) {
        throw Error(ErrorClass::kUnsupported, "cannot compute on cuda: " + driver.trouble);
      }
      open_plugin(Device::kCuda);
      return {Device::kCuda, ""};
    }
    case Device::kAuto: {
      if (find_plugin(Device::kCuda).empty()) {
        break;
      }
      const CudaDriver driver = query_cuda_driver();
      if (!driver.usable()) {
        return {Device::kCpu, driver.trouble};
      }
      try {
        open_plugin(Device::kCuda);
      } catch (const Error& trouble) {
        return {Device::kCpu, trouble.what()};
      }
      return {Device::kCuda, ""};
    }
  }
  return {Device::kCpu, ""};
}

}  // namespace vggroove

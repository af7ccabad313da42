// Every cell's kernels on device 0: time, bytes a second and the share of the roofline, beside the
// share that the kernel's comment promises. Each result is verified in the same run.
//   kernel_bench [--cell NAME] [--repetitions N] [--json]
// Exit codes: 0 all right, 1 a result is wrong, 2 usage, 77 no device.
#include <fmt/format.h>

#include <CLI/CLI.hpp>
#include <exception>
#include <nlohmann/json.hpp>
#include <string>

#include "bench/support/device_peaks.h"
#include "bench/support/device_timer.h"
#include "bench/support/workload.h"
#include "engine/device/cuda_driver.h"

namespace {

using namespace vggroove;
using Json = nlohmann::ordered_json;

constexpr int kNoDevice = 77;  // "skipped", to make, ctest and tools/bench.sh

struct Options {
  std::string cell;
  int repetitions = 50;
  bool json = false;
};

Json measure(const bench::Workload& workload, const bench::DevicePeaks& peaks, int repetitions) {
  const bench::Prepared prepared = workload.prepare(workload.device_size);
  const bench::DeviceTiming timing =
      bench::time_on_device(prepared, peaks.cache_bytes, repetitions);
  const double bytes = prepared.floor.read_bytes + prepared.floor.written_bytes;
  return {{"workload", workload.name},
          {"size", fmt::format("{} {}", workload.device_size, workload.unit)},
          {"median_us", 1e6 * timing.median_s},
          {"best_us", 1e6 * timing.best_s},
          {"worst_us", 1e6 * timing.worst_s},
          {"gb_per_s", 1e-9 * bytes / timing.median_s},
          {"share_of_roofline", peaks.seconds(prepared.floor) / timing.median_s},
          {"goal", workload.goal},
          {"share_of_tolerance", prepared.error()}};
}

// Returns whether every result was right.
bool run(const Options& options) {
  const bench::DevicePeaks peaks = bench::peaks_of_device();
  Json report{{"device", peaks.name},
              {"peak_gb_per_s", 1e-9 * peaks.memory_bytes_per_s},
              {"peak_fp32_tflops", 1e-12 * peaks.fp32_operations_per_s},
              {"peak_fp64_tflops", 1e-12 * peaks.fp64_operations_per_s},
              {"kernels", Json::array()}};
  bool right = true;
  if (!options.json) {
    fmt::print("{}\n{:<54} {:>10} {:>17} {:>8} {:>9} {:>5}\n", peaks.name, "", "median us",
               "best..worst", "GB/s", "roofline", "goal");
  }
  for (const bench::Cell& cell : bench::registered_cells()) {
    if (!options.cell.empty() && options.cell != cell.name) {
      continue;
    }
    for (const bench::Workload& workload : cell.workloads) {
      Json row = measure(workload, peaks, options.repetitions);
      const auto value = [&](const char* key) { return row.at(key).get<double>(); };
      const bool row_is_right = value("share_of_tolerance") <= 1;
      right = right && row_is_right;
      if (!options.json) {
        fmt::print("{:<54} {:>10.1f} {:>8.1f}..{:<7.1f} {:>8.0f} {:>8.0f}% {:>4.0f}%{}\n",
                   cell.name + ": " + workload.name, value("median_us"), value("best_us"),
                   value("worst_us"), value("gb_per_s"), 100 * value("share_of_roofline"),
                   100 * value("goal"), row_is_right ? "" : "  WRONG");
      }
      row["cell"] = cell.name;
      report["kernels"].push_back(std::move(row));
    }
  }
  if (options.json) {
    fmt::print("{}\n", report.dump(2));
  }
  return right;
}

}  // namespace

int main(int argc, char** argv) {
  Options options;
  CLI::App app("Benchmarks of the kernels on a GPU");
  app.add_option("--cell", options.cell, "Only this one, as nn/maxpool2x2");
  app.add_option("--repetitions", options.repetitions)->check(CLI::PositiveNumber);
  app.add_flag("--json", options.json, "Print JSON");
  CLI11_PARSE(app, argc, argv);
  try {
    const CudaDriver driver = query_cuda_driver();
    if (!driver.usable()) {
      fmt::print(stderr, "kernel_bench: no device: {}\n", driver.trouble);
      return kNoDevice;
    }
    return run(options) ? 0 : 1;
  } catch (const std::exception& error) {
    fmt::print(stderr, "kernel_bench: {}\n", error.what());
    return 1;
  }
}

// Runs every cell's workloads on kernels/simt, small, and prints as JSON what was counted, and
// the network's layers: what tools/predictions.py makes docs/predictions.md of.
//   kernel_counts
#include <fmt/format.h>

#include <exception>
#include <nlohmann/json.hpp>
#include <variant>
#include <vector>

#include "base/error.h"
#include "bench/support/workload.h"
#include "engine/nets/vggish_layers.h"
#include "kernels/simt/report.h"

namespace {

using namespace vggroove;
using Json = nlohmann::ordered_json;

// Counted at one size and at twice that, so that what does not grow with it can be told apart.
Json json_of(const simt::LaunchReport& once, const simt::LaunchReport& twice) {
  const auto both = [&](auto&& count) { return Json{count(once), count(twice)}; };
  return {{"kernel", once.kernel},
          {"footprint_bytes", both([](const simt::LaunchReport& launch) {
             return launch.footprint_read_bytes + launch.footprint_write_bytes;
           })},
          {"sector_bytes", both([](const simt::LaunchReport& launch) {
             const simt::TrafficCounts& total = launch.total;
             return 32 * (total.global_read.transactions + total.global_write.transactions);
           })},
          {"shared_passes", both([](const simt::LaunchReport& launch) {
             const simt::TrafficCounts& total = launch.total;
             return total.shared_read.transactions + total.shared_write.transactions;
           })}};
}

struct Counted {
  std::vector<simt::LaunchReport> launches;
  bench::Floor floor;
};

Counted count(const bench::Cell& cell, const bench::Workload& workload, std::int64_t size) {
  const bench::Prepared prepared = workload.prepare(size);
  Counted counted{{}, prepared.floor};
  {
    const simt::LaunchRecorder recorder;
    prepared.launch(nullptr);
    counted.launches = recorder.launches();
  }
  const double error = prepared.error();
  if (!(error <= 1)) {
    throw Error(ErrorClass::kInvalid, fmt::format("{}, {}: the error is {} times its tolerance",
                                                  cell.name, workload.name, error));
  }
  return counted;
}

Json json_of(const bench::Cell& cell, const bench::Workload& workload) {
  const Counted once = count(cell, workload, workload.counted_size);
  const Counted twice = count(cell, workload, 2 * workload.counted_size);
  if (once.launches.empty() || once.launches.size() != twice.launches.size()) {
    throw Error(ErrorClass::kInvalid,
                fmt::format("{}, {}: {} launches, and {} of twice the size", cell.name,
                            workload.name, once.launches.size(), twice.launches.size()));
  }
  Json launches = Json::array();
  for (std::size_t i = 0; i < once.launches.size(); ++i) {
    launches.push_back(json_of(once.launches[i], twice.launches[i]));
  }
  const auto both = [&](double bench::Floor::*member) {
    return Json{once.floor.*member, twice.floor.*member};
  };
  return {{"cell", cell.name},
          {"name", workload.name},
          {"unit", workload.unit},
          {"device_size", workload.device_size},
          {"counted_size", workload.counted_size},
          {"fp32_operations", both(&bench::Floor::fp32_operations)},
          {"fp64_operations", both(&bench::Floor::fp64_operations)},
          {"launches", launches}};
}

Json json_of(const VggishLayer& layer) {
  Json json{{"name", layer.name}, {"macs", layer.macs_per_example}};
  if (const auto* const conv = std::get_if<Conv3x3Spec>(&layer.spec)) {
    const std::size_t pixels = conv->height * conv->width;
    json["inputs"] = pixels * conv->in_channels;
    json["outputs"] = pixels * conv->out_channels;
    json["parameters"] = (9 * conv->in_channels + 1) * conv->out_channels;
    json["kind"] = conv->in_channels == 1 ? "conv1" : "convolution";
  } else {
    const auto& dense = std::get<DenseSpec>(layer.spec);
    json["inputs"] = dense.inputs;
    json["outputs"] = dense.outputs;
    json["parameters"] = (dense.inputs + 1) * dense.outputs;
    json["kind"] = "dense";
  }
  return json;
}

}  // namespace

int main() {
  try {
    Json report{{"workloads", Json::array()}, {"layers", Json::array()}};
    for (const bench::Cell& cell : bench::registered_cells()) {
      for (const bench::Workload& workload : cell.workloads) {
        report["workloads"].push_back(json_of(cell, workload));
      }
    }
    for (const VggishLayer& layer : vggish_layers()) {
      report["layers"].push_back(json_of(layer));
    }
    fmt::print("{}\n", report.dump(1));
    return 0;
  } catch (const std::exception& error) {
    fmt::print(stderr, "kernel_counts: {}\n", error.what());
    return 1;
  }
}

#pragma once

#include <filesystem>
#include <map>
#include <memory>
#include <mutex>
#include <string>

#include "engine/backends/cuda/cudnn/conv_graph.h"
#include "engine/backends/cuda/cudnn/device_properties.h"
#include "engine/backends/cuda/cudnn/plan.h"

namespace vggroove::cudnn {

// The plans of one device, each found once: later from memory, and in later runs of the program
// from a file per plan. A file counts only for an equal graph, equal options, an equal device and
// driver, and the same version of cuDNN; whatever is wrong with one, the plan is found anew and the
// file replaced. A folder that cannot be written costs time, never a run. Safe for several threads,
// and for several processes on one folder.
class PlanCache {
 public:
  // `folder` is made where it is missing; an empty path keeps plans in memory only.
  PlanCache(DeviceProperties device, std::filesystem::path folder);

  // Throws Plan::find's errors.
  std::shared_ptr<const Plan> get(const Graph& graph, const PlanOptions& options);

  struct Counts {
    int from_memory = 0;
    int from_disk = 0;
    int found = 0;        // by cuDNN's heuristics
    int unusable = 0;     // of these, those with a file that could not be used
    int not_written = 0;  // of these, those whose file could not be written
  };
  Counts counts() const;

  // The file of a plan, whether it exists or not.
  std::filesystem::path file_of(const Graph& graph, const PlanOptions& options) const;

 private:
  std::string key_of(const Graph& graph, const PlanOptions& options) const;
  std::filesystem::path file_of_key(const std::string& key) const;
  std::shared_ptr<const Plan> load(const std::string& key, const PlanOptions& options);
  void store(const std::string& key, const Plan& plan);

  DeviceProperties device_;
  std::filesystem::path folder_;
  mutable std::mutex mutex_;  // guards what follows, and finding: it takes milliseconds
  std::map<std::string, std::shared_ptr<const Plan>> plans_;
  Counts counts_;
};

}  // namespace vggroove::cudnn

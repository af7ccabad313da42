#include "engine/backends/cuda/cudnn/plan_cache.h"

#include <fmt/format.h>

#include <fstream>
#include <span>
#include <system_error>
#include <utility>
#include <vector>

#include "base/atomic_file.h"
#include "base/error.h"
#include "engine/backends/cuda/cudnn/plan_file.h"
#include "weights/sha256.h"

namespace vggroove::cudnn {
namespace {

// One byte more than a plan file may have is enough to refuse it.
std::vector<char> read_start(std::ifstream& file) {
  std::vector<char> bytes(kMaxPlanFileBytes + 1);
  file.read(bytes.data(), static_cast<std::streamsize>(bytes.size()));
  bytes.resize(static_cast<std::size_t>(file.gcount()));
  return bytes;
}

}  // namespace

PlanCache::PlanCache(DeviceProperties device, std::filesystem::path folder)
    : device_(std::move(device)), folder_(std::move(folder)) {
  if (!folder_.empty()) {
    std::error_code shows_when_a_plan_is_written;
    std::filesystem::create_directories(folder_, shows_when_a_plan_is_written);
  }
}

std::shared_ptr<const Plan> PlanCache::get(const Graph& graph, const PlanOptions& options) {
  const std::string key = key_of(graph, options);
  const std::lock_guard lock(mutex_);
  std::shared_ptr<const Plan>& plan = plans_[key];
  if (plan) {
    ++counts_.from_memory;
    return plan;
  }
  plan = load(key, options);
  if (!plan) {
    plan = std::make_shared<Plan>(Plan::find(graph, device_, options));
    ++counts_.found;
    store(key, *plan);
  }
  return plan;
}

PlanCache::Counts PlanCache::counts() const {
  const std::lock_guard lock(mutex_);
  return counts_;
}

std::filesystem::path PlanCache::file_of(const Graph& graph, const PlanOptions& options) const {
  return file_of_key(key_of(graph, options));
}

std::string PlanCache::key_of(const Graph& graph, const PlanOptions& options) const {
  return fmt::format("cudnn {}\nmath {}\nworkspace {}\ndevice {}\n{}", cudnnGetVersion(),
                     math_mode_name(options.math), options.workspace_limit_bytes, device_.json(),
                     graph_text(graph));
}

std::filesystem::path PlanCache::file_of_key(const std::string& key) const {
  weights::Sha256 sha256;
  sha256.update(std::as_bytes(std::span(key)));
  return folder_ / (sha256.hex_digest() + ".cudnn-plan");
}

std::shared_ptr<const Plan> PlanCache::load(const std::string& key, const PlanOptions& options) {
  if (folder_.empty()) {
    return nullptr;
  }
  std::ifstream file(file_of_key(key), std::ios::binary);
  if (!file) {
    return nullptr;
  }
  try {
    const std::vector<char> bytes = read_start(file);
    const PlanFile stored = read_plan_file(std::as_bytes(std::span(bytes)));
    if (stored.key == key) {
      auto plan = std::make_shared<Plan>(Plan::load(stored.plan_json, device_, options));
      if (plan->notes().engine == stored.engine &&
          plan->workspace_bytes() == stored.workspace_bytes) {
        ++counts_.from_disk;
        return plan;
      }
    }
  } catch (const Error&) {
    // A damaged file, or one that this cuDNN does not take.
  }
  ++counts_.unusable;
  return nullptr;
}

void PlanCache::store(const std::string& key, const Plan& plan) {
  if (folder_.empty()) {
    return;
  }
  try {
    write_file_atomically(file_of_key(key),
                          write_plan_file({.key = key,
                                           .engine = plan.notes().engine,
                                           .workspace_bytes = plan.workspace_bytes(),
                                           .plan_json = plan.json()}));
  } catch (const Error&) {
    ++counts_.not_written;
  }
}

}  // namespace vggroove::cudnn

#include "engine/backends/cuda/cudnn/plan.h"

#include <fmt/format.h>

#include <map>
#include <optional>
#include <utility>
#include <vector>

#include "base/error.h"
#include "engine/backends/cuda/cudnn/graph_descriptors.h"

namespace vggroove::cudnn {
namespace {

EngineNotes read_notes(const Descriptor& engine_config) {
  const Descriptor engine =
      engine_config.get_descriptor(CUDNN_ATTR_ENGINECFG_ENGINE, CUDNN_BACKEND_ENGINE_DESCRIPTOR);
  EngineNotes notes;
  notes.engine = engine.get<std::int64_t>(CUDNN_ATTR_ENGINE_GLOBAL_INDEX);
  for (const auto note :
       engine.get_all<cudnnBackendNumericalNote_t>(CUDNN_ATTR_ENGINE_NUMERICAL_NOTE)) {
    notes.tensor_cores |= note == CUDNN_NUMERICAL_NOTE_TENSOR_CORE;
    notes.reduced_precision |= note == CUDNN_NUMERICAL_NOTE_DOWN_CONVERT_INPUTS ||
                               note == CUDNN_NUMERICAL_NOTE_REDUCED_PRECISION_REDUCTION;
    notes.nondeterministic |= note == CUDNN_NUMERICAL_NOTE_NONDETERMINISTIC;
    notes.winograd |= note == CUDNN_NUMERICAL_NOTE_WINOGRAD;
  }
  for (const auto note :
       engine.get_all<cudnnBackendBehaviorNote_t>(CUDNN_ATTR_ENGINE_BEHAVIOR_NOTE)) {
    notes.runtime_compiled |= note == CUDNN_BEHAVIOR_NOTE_RUNTIME_COMPILATION;
  }
  return notes;
}

// How often each reason spoke against an engine.
class Refusals {
 public:
  void count(std::string_view reason) { ++counts_[std::string(reason)]; }

  // "none of 23 engines fits: tensor cores 12, workspace above 1048576 bytes 11"
  std::string text() const {
    int num_engines = 0;
    std::string reasons;
    for (const auto& [reason, count] : counts_) {
      num_engines += count;
      reasons += fmt::format("{}{} {}", reasons.empty() ? "" : ", ", reason, count);
    }
    return num_engines == 0 ? "cuDNN has no engine for it, or cannot load any (a driver's libcuda "
                              "is needed for engines that are compiled at run time)"
                            : fmt::format("none of {} engines fits: {}", num_engines, reasons);
  }

 private:
  std::map<std::string, int> counts_;
};

std::vector<Descriptor> engine_configs(const Descriptor& graph, const DeviceProperties& device,
                                       cudnnBackendHeurMode_t mode) {
  Descriptor heuristics(CUDNN_BACKEND_ENGINEHEUR_DESCRIPTOR);
  heuristics.set(CUDNN_ATTR_ENGINEHEUR_OPERATION_GRAPH, graph);
  heuristics.set(CUDNN_ATTR_ENGINEHEUR_MODE, mode);
  heuristics.set(CUDNN_ATTR_ENGINEHEUR_DEVICEPROP, device.descriptor());
  heuristics.finalize();
  return heuristics.get_descriptors(CUDNN_ATTR_ENGINEHEUR_RESULTS,
                                    CUDNN_BACKEND_ENGINECFG_DESCRIPTOR);
}

// The finalised plan, or nothing where the engine declines after all.
std::optional<Descriptor> finalise_plan(const Descriptor& engine_config,
                                        const DeviceProperties& device) {
  Descriptor plan(CUDNN_BACKEND_EXECUTION_PLAN_DESCRIPTOR);
  plan.set(CUDNN_ATTR_EXECUTION_PLAN_ENGINE_CONFIG, engine_config);
  plan.set(CUDNN_ATTR_EXECUTION_PLAN_DEVICEPROP, device.descriptor());
  if (cudnnBackendFinalize(plan.handle()) != CUDNN_STATUS_SUCCESS) {
    return std::nullopt;
  }
  return plan;
}

}  // namespace

std::string_view refusal(const EngineNotes& notes, MathMode math) {
  if (notes.runtime_compiled) {
    return "compiled at run time";
  }
  if (notes.reduced_precision) {
    return "reduced precision";
  }
  if (notes.nondeterministic) {
    return "not deterministic";
  }
  if (notes.tensor_cores && math == MathMode::kFp32) {
    return "tensor cores";
  }
  return "";
}

Plan::Plan(Descriptor descriptor)
    : descriptor_(std::move(descriptor)),
      notes_(read_notes(descriptor_.get_descriptor(CUDNN_ATTR_EXECUTION_PLAN_ENGINE_CONFIG,
                                                   CUDNN_BACKEND_ENGINECFG_DESCRIPTOR))),
      workspace_bytes_(descriptor_.get<std::int64_t>(CUDNN_ATTR_EXECUTION_PLAN_WORKSPACE_SIZE)) {}

Plan Plan::find(const Graph& graph, const DeviceProperties& device, const PlanOptions& options) {
  const GraphDescriptors descriptors = describe(graph);
  Refusals refusals;
  for (const auto mode : {CUDNN_HEUR_MODE_A, CUDNN_HEUR_MODE_FALLBACK}) {
    for (const Descriptor& config : engine_configs(descriptors.graph, device, mode)) {
      if (const auto reason = refusal(read_notes(config), options.math); !reason.empty()) {
        refusals.count(reason);
        continue;
      }
      std::optional<Descriptor> finalised = finalise_plan(config, device);
      if (!finalised) {
        refusals.count("declined by cuDNN");
        continue;
      }
      Plan plan(std::move(*finalised));
      if (plan.workspace_bytes() <= options.workspace_limit_bytes) {
        return plan;
      }
      refusals.count(fmt::format("workspace above {} bytes", options.workspace_limit_bytes));
    }
  }
  throw Error(ErrorClass::kUnsupported, fmt::format("{} ({}): {}", graph.name,
                                                    math_mode_name(options.math), refusals.text()));
}

Plan Plan::load(std::string_view json, const DeviceProperties& device, const PlanOptions& options) {
  Descriptor descriptor(CUDNN_BACKEND_EXECUTION_PLAN_DESCRIPTOR);
  // Without a device cuDNN 9.19 crashes here.
  descriptor.set(CUDNN_ATTR_EXECUTION_PLAN_DEVICEPROP, device.descriptor());
  descriptor.set_all(CUDNN_ATTR_EXECUTION_PLAN_JSON_REPRESENTATION, std::span(json));
  descriptor.finalize();
  Plan plan(std::move(descriptor));
  const std::string_view reason = refusal(plan.notes(), options.math);
  if (!reason.empty() || plan.workspace_bytes() > options.workspace_limit_bytes) {
    throw Error(ErrorClass::kInvalid,
                fmt::format("stored cuDNN plan, engine {}, {} bytes of workspace: not allowed: {}",
                            plan.notes().engine, plan.workspace_bytes(),
                            reason.empty() ? "workspace" : reason));
  }
  return plan;
}

std::string Plan::json() const {
  const auto json = descriptor_.get_all<char>(CUDNN_ATTR_EXECUTION_PLAN_JSON_REPRESENTATION);
  return {json.begin(), json.end()};
}

void Plan::run(cudnnHandle_t handle, std::span<const Binding> tensors, void* workspace) const {
  std::vector<std::int64_t> uids;
  std::vector<void*> pointers;
  for (const Binding& tensor : tensors) {
    uids.push_back(tensor.uid);
    pointers.push_back(tensor.data);
  }
  Descriptor variant(CUDNN_BACKEND_VARIANT_PACK_DESCRIPTOR);
  variant.set_all(CUDNN_ATTR_VARIANT_PACK_UNIQUE_IDS, std::span(uids));
  variant.set_pointers(CUDNN_ATTR_VARIANT_PACK_DATA_POINTERS, pointers);
  variant.set_pointers(CUDNN_ATTR_VARIANT_PACK_WORKSPACE, std::span(&workspace, 1));
  variant.finalize();
  VGGROOVE_CUDNN(cudnnBackendExecute(handle, descriptor_.handle(), variant.handle()));
}

}  // namespace vggroove::cudnn

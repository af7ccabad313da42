#pragma once

#include <cstdint>
#include <span>
#include <string>
#include <string_view>

#include "engine/backends/cuda/cudnn/conv_graph.h"
#include "engine/backends/cuda/cudnn/descriptor.h"
#include "engine/backends/cuda/cudnn/device_properties.h"

namespace vggroove::cudnn {

struct PlanOptions {
  MathMode math = MathMode::kFp32;
  std::int64_t workspace_limit_bytes = std::int64_t{256} << 20;
};

// What cuDNN says of an engine.
struct EngineNotes {
  std::int64_t engine = -1;  // its index among cuDNN's engines for this kind of graph
  bool tensor_cores = false;
  bool reduced_precision = false;  // converts operands down, or sums in less than fp32
  bool nondeterministic = false;   // two runs may differ in bits
  bool runtime_compiled = false;   // needs a driver and seconds to build
  bool winograd = false;           // fewer multiplications, somewhat larger rounding errors
};
// Which rule keeps the engine from being used, "" where none does: tensor cores where `math` is
// strict fp32; in every mode reduced precision, results that differ from run to run, and
// compilation at run time.
std::string_view refusal(const EngineNotes& notes, MathMode math);

// A kernel of cuDNN's with all its choices made, for one graph and one kind of device. Immutable.
class Plan {
 public:
  // The first engine in the order of cuDNN's heuristics (mode A, then the fallback list) that
  // refusal() and the workspace limit let pass. Throws Error(kUnsupported) with the graph's name
  // and the count of engines per reason where there is none, and check_graph's errors.
  static Plan find(const Graph& graph, const DeviceProperties& device, const PlanOptions& options);
  // From json() of a plan for an equal graph and device, by the same version of cuDNN. cuDNN
  // notices most damage, not all: the caller vouches for the text. Throws Error where cuDNN or the
  // options refuse it.
  static Plan load(std::string_view json, const DeviceProperties& device,
                   const PlanOptions& options);

  const EngineNotes& notes() const { return notes_; }
  std::int64_t workspace_bytes() const { return workspace_bytes_; }
  std::string json() const;

  struct Binding {
    std::int64_t uid;  // of a tensor of the graph that is not virtual
    void* data;        // on the device, 16-byte aligned
  };
  // Enqueues the plan on the handle's stream; `workspace` has workspace_bytes() bytes on the
  // device, 16-byte aligned. Throws Error.
  void run(cudnnHandle_t handle, std::span<const Binding> tensors, void* workspace) const;

 private:
  explicit Plan(Descriptor descriptor);

  Descriptor descriptor_;
  EngineNotes notes_;
  std::int64_t workspace_bytes_ = 0;
};

}  // namespace vggroove::cudnn

#include "engine/backends/cpu/cpu_backend.h"

#include <fmt/format.h>

#include "engine/backends/cpu/conv1_pool.h"
#include "engine/backends/cpu/dense.h"
#include "engine/backends/cpu/winograd_conv.h"
#include "engine/device/cpu_info.h"

namespace vggroove::cpu {

Arithmetic arithmetic_for(Precision precision) {
  if (precision == Precision::kFp32) {
    return Arithmetic::kFp32;
  }
  return cpu_info().has_quick_bf16_dot ? Arithmetic::kBf16Dot : Arithmetic::kBf16Weights;
}

std::unique_ptr<Layer> CpuBackend::conv3x3(const Conv3x3Spec& spec, const WeightReader& weights,
                                           const WeightReader& biases) const {
  if (spec.in_channels == 1) {
    return std::make_unique<Conv1Pool>(spec, weights, biases);
  }
  return std::make_unique<WinogradConv>(arithmetic_, spec, weights, biases);
}

std::unique_ptr<Layer> CpuBackend::dense(const DenseSpec& spec, const WeightReader& weights,
                                         const WeightReader& biases) const {
  return std::make_unique<Dense>(arithmetic_, spec, weights, biases);
}

std::string CpuBackend::description() const {
  const CpuInfo& info = cpu_info();
  return fmt::format("cpu ({}, {} core{})", info.instruction_set, info.num_cores,
                     info.num_cores == 1 ? "" : "s");
}

}  // namespace vggroove::cpu

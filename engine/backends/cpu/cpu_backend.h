#pragma once

#include "engine/backends/backend.h"
#include "engine/backends/cpu/gemm.h"
#include "engine/device/device.h"

namespace vggroove::cpu {

// The arithmetic that a precision means on this processor, decided by what the processor is, never
// by timing, so that equal machines give equal bits. bf16: the dot-product instruction where it is
// twice as quick as fp32 (AMD from Zen 4 on), else bf16 weights widened to fp32 - on Intel without
// AMX the instruction runs at half the rate of fp32 (89 against 178 GFLOP/s per core).
Arithmetic arithmetic_for(Precision precision);

// Our own kernels.
class CpuBackend : public Backend {
 public:
  explicit CpuBackend(Arithmetic arithmetic) : arithmetic_(arithmetic) {}

  std::unique_ptr<Layer> conv3x3(const Conv3x3Spec& spec, const WeightReader& weights,
                                 const WeightReader& biases) const override;
  std::unique_ptr<Layer> dense(const DenseSpec& spec, const WeightReader& weights,
                               const WeightReader& biases) const override;
  std::string description() const override;

 private:
  Arithmetic arithmetic_;
};

}  // namespace vggroove::cpu

#pragma once

#include "engine/backends/backend.h"
#include "engine/device/device.h"

namespace vggroove::onednn {

// oneDNN's direct convolutions and matrix products, fp32 or bf16: the check of our own kernels and
// a path for processors that those do not know. Half as quick as ours on AVX-512 machines.
// Activations are NHWC in the precision asked for; layers always compute 16 examples (missing ones
// as zeros), because oneDNN may choose other kernels for other batch sizes. One thread per call.
class OneDnnBackend : public Backend {
 public:
  explicit OneDnnBackend(Precision precision) : precision_(precision) {}

  // Throw Error(kUsage) where oneDNN has no bf16 for this processor.
  std::unique_ptr<Layer> conv3x3(const Conv3x3Spec& spec, const WeightReader& weights,
                                 const WeightReader& biases) const override;
  std::unique_ptr<Layer> dense(const DenseSpec& spec, const WeightReader& weights,
                               const WeightReader& biases) const override;
  std::string description() const override;

 private:
  Precision precision_;
};

}  // namespace vggroove::onednn

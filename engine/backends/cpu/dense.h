#pragma once

#include "engine/backends/backend.h"
#include "engine/backends/cpu/gemm.h"
#include "engine/device/huge_buffer.h"

namespace vggroove::cpu {

// Dense layer with bias and, where asked for, ReLU: x [n, inputs] fp32 -> y [n, outputs] fp32;
// inputs and outputs multiples of 32.
// Bound: the weights, which no cache holds (201 MB in fp32 for VGGish's first), are streamed once
// per chunk, prefetched and in order; from about 48 rows on the multiply-adds take longer than
// that.
class Dense : public Layer {
 public:
  Dense(Arithmetic arithmetic, const DenseSpec& spec, const WeightReader& weights,
        const WeightReader& biases);

  std::size_t input_bytes() const override { return spec_.inputs * sizeof(float); }
  std::size_t output_bytes() const override { return spec_.outputs * sizeof(float); }
  std::size_t chunk() const override;
  std::size_t scratch_bytes(std::size_t n) const override;
  void forward(const std::byte* input, std::size_t n, std::byte* output,
               std::byte* scratch) const override;

 private:
  Arithmetic arithmetic_;
  DenseSpec spec_;
  HugeBuffer weights_;  // [inputs / 2048][outputs / 32][2048][32], in the order of reading
  HugeBuffer biases_;
};

}  // namespace vggroove::cpu

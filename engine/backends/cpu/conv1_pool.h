#pragma once

#include "engine/backends/backend.h"
#include "engine/device/huge_buffer.h"

namespace vggroove::cpu {

// The first layer: 3x3 convolution of ONE channel, bias, ReLU and 2x2 max-pool in one pass, direct
// and in fp32 always: 0.4 % of the network's arithmetic, and with one input channel Winograd's
// transforms would cost more than they save. Unpooled values never leave the registers.
//   input [n, h, w] fp32 -> output [n, h/2, w/2, out] fp32; h and w even, out a multiple of 32
class Conv1Pool : public Layer {
 public:
  Conv1Pool(const Conv3x3Spec& spec, const WeightReader& weights, const WeightReader& biases);

  std::size_t input_bytes() const override { return spec_.height * spec_.width * sizeof(float); }
  std::size_t output_bytes() const override {
    return spec_.height / 2 * (spec_.width / 2) * spec_.out_channels * sizeof(float);
  }
  // One example's output is 0.4 MB: the next layer finds it in L2.
  std::size_t chunk() const override { return 1; }
  std::size_t scratch_bytes(std::size_t n) const override;
  void forward(const std::byte* input, std::size_t n, std::byte* output,
               std::byte* scratch) const override;

 private:
  Conv3x3Spec spec_;
  HugeBuffer weights_;  // [9][out], then the biases [out]
};

}  // namespace vggroove::cpu

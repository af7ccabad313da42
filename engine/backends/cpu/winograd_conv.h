#pragma once

#include "engine/backends/backend.h"
#include "engine/backends/cpu/winograd_filters.h"
#include "engine/device/huge_buffer.h"

namespace vggroove::cpu {

// 3x3 convolution by Winograd's F(4x4, 3x3) with bias, ReLU and max-pool in the output transform.
//   input [n, h, w, in] fp32 -> output [n, h, w, out] or [n, h/2, w/2, out] fp32, NHWC
//   in_channels a multiple of 32 and at most 512, out_channels a multiple of 64, h and w of 4
// Bound: a quarter of the direct multiply-adds at the fp32 peak; the transforms add 3 to 10 %.
class WinogradConv : public Layer {
 public:
  WinogradConv(Arithmetic arithmetic, const Conv3x3Spec& spec, const WeightReader& weights,
               const WeightReader& biases);

  std::size_t input_bytes() const override;
  std::size_t output_bytes() const override;
  std::size_t chunk() const override { return chunk_; }
  std::size_t scratch_bytes(std::size_t n) const override;
  void forward(const std::byte* input, std::size_t n, std::byte* output,
               std::byte* scratch) const override;

 private:
  Conv3x3Spec spec_;
  ImageShape input_shape_, output_shape_;  // output before pooling
  std::size_t pass_tiles_, chunk_;
  WinogradFilters filters_;
  HugeBuffer biases_;
};

}  // namespace vggroove::cpu

#pragma once

#include <cstdint>

namespace vggroove::sim {

// A cross-correlation, stride 1. x [n, h, w, c], weight [k, r, s, c], y [n, h', w', k] with
// h' = h + 2 pad_h - r + 1. Sums over channels in fp32, over taps in double.
struct ConvolutionShape {
  std::int64_t n, h, w, c, k, r, s, pad_h, pad_w;
  std::int64_t out_h() const { return h + 2 * pad_h - r + 1; }
  std::int64_t out_w() const { return w + 2 * pad_w - s + 1; }
};

void convolve(const ConvolutionShape& shape, const float* x, const float* weight, float* y);
void convolve_dgrad(const ConvolutionShape& shape, const float* weight, const float* grad_y,
                    float* grad_x);
void convolve_wgrad(const ConvolutionShape& shape, const float* x, const float* grad_y,
                    float* grad_weight);

}  // namespace vggroove::sim

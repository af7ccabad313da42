#pragma once

#include <cstddef>

// The first layer in training: 3x3 convolution of ONE channel, direct (conv1_pool.h says why), one
// image at a time. channels: a multiple of 32; arrays 64-byte aligned.
namespace vggroove::cpu {

struct Conv1Image {
  std::size_t height = 0, width = 0, channels = 0;

  std::size_t padded_count() const { return (height + 2) * (width + 2); }
};

// padded [h + 2][w + 2] = image [h][w] within a border of zeros
void pad_image(float* padded, const float* image, const Conv1Image& shape);

// y [h, w, c] = max(0, sums + biases); weights [9][c]
void conv1(float* y, const float* padded, const float* weights, const float* biases,
           const Conv1Image& shape);

// grad_weights [9][c] of this image alone, overwritten
void conv1_wgrad(float* grad_weights, const float* grad_y, const float* padded,
                 const Conv1Image& shape);

}  // namespace vggroove::cpu

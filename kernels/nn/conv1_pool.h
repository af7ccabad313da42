#pragma once

#include <cstdint>

#include "kernels/common/stream.h"

namespace vggroove {

// The first layer of VGGish, whole: 3x3 convolution (SAME) of one input channel + bias + ReLU + 2x2
// max-pool. Unpooled, its output would be the network's largest activation (1.5 MB an example in
// fp32); here it never exists.
struct Conv1PoolShape {
  static constexpr int kHeight = 96, kWidth = 64;  // of the input, one channel
  static constexpr int kPooledHeight = kHeight / 2, kPooledWidth = kWidth / 2;
  static constexpr int kChannels = 64;
  static constexpr int kTaps = 9;
  static constexpr int kInputSize = kHeight * kWidth;                           // of one example
  static constexpr int kPooledSize = kPooledHeight * kPooledWidth * kChannels;  // of one example
};

// T is float or BFloat16. Pointers are device memory, 16-byte aligned.
//   y       [n, 48, 32, 64]
//   codes   [n, 48, 32, 32] bytes (pool_codes.h), kept for the backward pass; null: not wanted
//   x       [n, 96, 64]
//   weight  [3, 3, 1, 64]    bias [64]
template <class T>
void conv1_pool(Stream stream, T* y, std::uint8_t* codes, const float* x, const float* weight,
                const float* bias, std::int64_t num_examples);

// Overwrites the gradients of the parameters; the log-mel input needs none.
//   grad_weight [3, 3, 1, 64]    grad_bias [64]
//   grad_y      [n, 48, 32, 64]; codes and x as in the forward pass
//   workspace   conv1_pool_bwd_workspace_floats(n)
template <class T>
void conv1_pool_bwd(Stream stream, float* grad_weight, float* grad_bias, const T* grad_y,
                    const std::uint8_t* codes, const float* x, float* workspace,
                    std::int64_t num_examples);

std::int64_t conv1_pool_bwd_workspace_floats(std::int64_t num_examples);

// References: double precision, straight from the definition; codes is required.
void conv1_pool_ref(double* y, std::uint8_t* codes, const double* x, const double* weight,
                    const double* bias, std::int64_t num_examples);
void conv1_pool_bwd_ref(double* grad_weight, double* grad_bias, const double* grad_y,
                        const std::uint8_t* codes, const double* x, std::int64_t num_examples);

}  // namespace vggroove

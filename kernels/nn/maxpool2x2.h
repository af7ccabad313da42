#pragma once

#include <cstdint>

#include "kernels/common/stream.h"

namespace vggroove {

// Of the input; height and width are even, channels a multiple of 8.
struct Pool2x2Shape {
  std::int64_t examples = 0;
  int height = 0, width = 0, channels = 0;

  std::int64_t input_size() const { return examples * height * width * channels; }
  std::int64_t pooled_size() const { return input_size() / 4; }
};

// Bias + ReLU + 2x2 max-pool (stride 2) behind a convolution. T is float or BFloat16; pointers are
// device memory, 16-byte aligned.
//   y     [n, h/2, w/2, c]
//   codes [n, h/2, w/2, c/2] bytes (pool_codes.h), kept for the backward pass; null: not wanted
//   x     [n, h, w, c], the convolution's output
//   bias  [c], or null where x has it already
template <class T>
void maxpool2x2(Stream stream, T* y, std::uint8_t* codes, const T* x, const float* bias,
                const Pool2x2Shape& shape);

// Overwrites grad_x [n, h, w, c] and grad_bias [c], which falls out of it for nothing.
//   grad_y    [n, h/2, w/2, c]; codes as the forward pass left them
//   workspace maxpool2x2_bwd_workspace_floats<T>(shape)
template <class T>
void maxpool2x2_bwd(Stream stream, T* grad_x, float* grad_bias, const T* grad_y,
                    const std::uint8_t* codes, float* workspace, const Pool2x2Shape& shape);

template <class T>
std::int64_t maxpool2x2_bwd_workspace_floats(const Pool2x2Shape& shape);

// References: double precision; bias and codes are required.
void maxpool2x2_ref(double* y, std::uint8_t* codes, const double* x, const double* bias,
                    const Pool2x2Shape& shape);
void maxpool2x2_bwd_ref(double* grad_x, double* grad_bias, const double* grad_y,
                        const std::uint8_t* codes, const Pool2x2Shape& shape);

}  // namespace vggroove

#pragma once

#include <cstdint>

#include "kernels/common/stream.h"

namespace vggroove {

// The gradient of a bias that was added to every row: the sums of the columns. Two stages, both in
// an order that depends on the shape alone, so the same bits come out on every device.
//   grad_bias [channels]
//   grad      [rows, channels] of float or BFloat16
//   workspace bias_grad_workspace_floats(rows, channels)
// Any number of channels is right; a multiple of 16 / sizeof(T) is read 16 bytes at a time.
template <class T>
void bias_grad(Stream stream, float* grad_bias, const T* grad, float* workspace, std::int64_t rows,
               int channels);

// The same behind a ReLU, in one pass: grad_x = grad_y where the ReLU's output y is not <= 0 (a
// NaN lets the gradient through, as in PyTorch), else 0; grad_bias sums grad_x.
//   grad_x, grad_y, y [rows, channels]; grad_x may be grad_y
template <class T>
void relu_bias_bwd(Stream stream, T* grad_x, float* grad_bias, const T* grad_y, const T* y,
                   float* workspace, std::int64_t rows, int channels);

std::int64_t bias_grad_workspace_floats(std::int64_t rows, int channels);

// The second stage, which other kernels' partial sums go through as well:
//   sums [columns] = the sums over num_partials rows, `stride` floats apart; 0 rows: zeros
void sum_partials(Stream stream, float* sums, const float* partials, int num_partials, int columns,
                  int stride);

// References: double precision.
void bias_grad_ref(double* grad_bias, const double* grad, std::int64_t rows, int channels);
void relu_bias_bwd_ref(double* grad_x, double* grad_bias, const double* grad_y, const double* y,
                       std::int64_t rows, int channels);

}  // namespace vggroove

#pragma once

#include <cstdint>

#include "kernels/common/stream.h"

namespace vggroove {

// Steps of a training pass that no library call takes along. T is float or BFloat16, arithmetic is
// fp32. Device memory, 16-byte aligned; what is written overlaps nothing else. count >= 0.

// grad [count] in place: 0 where the ReLU's output x [count] is <= 0 (a NaN lets the gradient
// through, as in PyTorch).
template <class T>
void relu_bwd(Stream stream, T* grad, const T* x, std::int64_t count);

// sum [count] += values [count]: gradients of several batches.
template <class T>
void accumulate(Stream stream, float* sum, const T* values, std::int64_t count);

// y [n, d] = (x - mean) * scale, mean and scale [d]; and grad_x [n, d] = grad_y * scale.
template <class T>
void standardise(Stream stream, T* y, const T* x, const float* mean, const float* scale,
                 std::int64_t n, int d);
template <class T>
void standardise_bwd(Stream stream, T* grad_x, const T* grad_y, const float* scale, std::int64_t n,
                     int d);

// References: double precision.
void relu_bwd_ref(double* grad, const double* x, std::int64_t count);
void accumulate_ref(double* sum, const double* values, std::int64_t count);
void standardise_ref(double* y, const double* x, const double* mean, const double* scale,
                     std::int64_t n, int d);
void standardise_bwd_ref(double* grad_x, const double* grad_y, const double* scale, std::int64_t n,
                         int d);

}  // namespace vggroove

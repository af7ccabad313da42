#pragma once

#include <cstdint>
#include <span>

#include "kernels/common/bfloat16.h"
#include "kernels/common/stream.h"

namespace vggroove {

// A gradient on the device, [count], 16-byte aligned.
struct GradTensor {
  const float* grad = nullptr;          // this one,
  const BFloat16* grad_bf16 = nullptr;  // or this one
  std::int64_t count = 0;
};

// The squared norm of gradients, in as many calls as there are groups of them, and the factor that
// clips them; everything stays on the device.
//   total     [1] += the sum of all squares: of a chunk in fp32, over the chunks in double
//   workspace add_squares_workspace_floats(tensors)
// The order of summation depends on the tensors' sizes alone.
void add_squares(Stream stream, double* total, std::span<const GradTensor> tensors,
                 float* workspace);

std::int64_t add_squares_workspace_floats(std::span<const GradTensor> tensors);

// factor [1] = min(1, max_norm / (sqrt(total [1]) + 1e-6)), as torch.nn.utils.clip_grad_norm_; goes
// into the optimiser's grad_scale. NaN where a gradient is NaN, 0 where one is infinite.
void clip_factor(Stream stream, float* factor, const double* total, double max_norm);

// References: double precision; the sum of squares of one tensor, and the factor.
double square_sum_ref(const double* grad, std::int64_t count);
double clip_factor_ref(double total, double max_norm);

}  // namespace vggroove

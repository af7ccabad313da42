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

// The norm of all gradients as one vector and the factor that clips them, both on the device:
//   norm       [1] = sqrt(sum of squares)
//   clip_scale [1] = min(1, max_norm / (norm + 1e-6)), as torch.nn.utils.clip_grad_norm_; goes into
//              the optimiser's grad_scale. NaN where a gradient is NaN, 0 where one is infinite.
//   workspace  global_norm_workspace_floats(tensors)
// The order of summation depends on the tensors' sizes alone.
void global_norm(Stream stream, float* norm, float* clip_scale, std::span<const GradTensor> tensors,
                 float max_norm, float* workspace);

std::int64_t global_norm_workspace_floats(std::span<const GradTensor> tensors);

// Reference: double precision; the sum of squares of one tensor.
double square_sum_ref(const double* grad, std::int64_t count);

}  // namespace vggroove

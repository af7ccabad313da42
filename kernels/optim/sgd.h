#pragma once

#include <cstdint>
#include <span>

#include "kernels/common/bfloat16.h"
#include "kernels/common/stream.h"

namespace vggroove {

// Stochastic gradient descent with momentum, as torch.optim.SGD (no dampening, not Nesterov):
//   momentum_buffer = momentum * momentum_buffer + grad + weight_decay * parameter
//   parameter      -= learning_rate * momentum_buffer
// Device pointers to count elements each, 16-byte aligned.
struct SgdTensor {
  float* parameter = nullptr;           // the fp32 master
  float* momentum_buffer = nullptr;     // 0 before the first step
  const float* grad = nullptr;          // this one,
  const BFloat16* grad_bf16 = nullptr;  // or this one
  BFloat16* parameter_bf16 = nullptr;   // receives the rounded parameter; null: not wanted
  std::int64_t count = 0;
  float learning_rate_scale = 1;  // for layer-wise learning rates
  float weight_decay = 0;
};

// One step of all tensors.
//   learning_rate [1] on the device, so that a captured CUDA graph can follow a schedule
//   grad_scale    [1] on the device, multiplies every gradient (clipping); null: 1
void sgd(Stream stream, std::span<const SgdTensor> tensors, const float* learning_rate,
         const float* grad_scale, float momentum);

// Reference: double precision, one tensor.
struct SgdTensorRef {
  double* parameter;
  double* momentum_buffer;
  const double* grad;
  std::int64_t count;
  double weight_decay;
};
void sgd_ref(const SgdTensorRef& tensor, double learning_rate, double grad_scale, double momentum);

}  // namespace vggroove

#pragma once

#include <cstdint>
#include <span>

#include "kernels/common/bfloat16.h"
#include "kernels/common/stream.h"

namespace vggroove {

// AdamW (Loshchilov, Hutter, "Decoupled weight decay regularization"), as torch.optim.AdamW
// computes it; all arithmetic and state in fp32.
struct AdamwParams {
  double beta1 = 0.9, beta2 = 0.999;
  double epsilon = 1e-8;
};

// What changes from step to step. It is read on the device, so that a captured CUDA graph can be
// replayed: the caller copies a new one there before each step.
struct AdamwStep {
  float learning_rate = 0;
  float bias_correction1 = 1;       // 1 - beta1^step
  float sqrt_bias_correction2 = 1;  // sqrt(1 - beta2^step)
};
AdamwStep adamw_step(const AdamwParams& params, double learning_rate, std::int64_t step);  // from 1

// Device pointers to count elements each, 16-byte aligned.
struct AdamwTensor {
  float* parameter = nullptr;           // the fp32 master
  float* first_moment = nullptr;        // 0 before the first step
  float* second_moment = nullptr;       // 0 before the first step
  const float* grad = nullptr;          // this one,
  const BFloat16* grad_bf16 = nullptr;  // or this one
  BFloat16* parameter_bf16 = nullptr;   // receives the rounded parameter; null: not wanted
  std::int64_t count = 0;
  float learning_rate_scale = 1;  // for layer-wise learning rates
  float weight_decay = 0;
};

// One step of all tensors.
//   step       [1] on the device
//   grad_scale [1] on the device, multiplies every gradient (clipping); null: 1
void adamw(Stream stream, std::span<const AdamwTensor> tensors, const AdamwStep* step,
           const float* grad_scale, const AdamwParams& params);

// Many models of one size that train together, each at its own step, for its own data and settings.
struct AdamwModels {
  int models = 0;          // at most 65535
  std::int64_t count = 0;  // parameters of a model, a multiple of 4
};
struct AdamwModelStep {
  AdamwStep step;
  float weight_decay = 0;
  float grad_scale = 0;  // multiplies the model's gradient; 0: the model rests, nothing changes
};
// One step of all models; everything in device memory, 16-byte aligned.
//   parameters, first_moments, second_moments, grads [models, count]
//   decays [count]: multiplies the weight decay; 0 where a parameter (a bias) must not shrink
//   steps [models]
void adamw_models(Stream stream, float* parameters, float* first_moments, float* second_moments,
                  const float* grads, const float* decays, const AdamwModelStep* steps,
                  const AdamwModels& shape, const AdamwParams& params);

// Reference: double precision, one tensor; step counts from 1. A model of adamw_models() is two
// tensors, that which decays and that which does not.
struct AdamwTensorRef {
  double* parameter;
  double* first_moment;
  double* second_moment;
  const double* grad;
  std::int64_t count;
  double weight_decay;
};
void adamw_ref(const AdamwTensorRef& tensor, double learning_rate, std::int64_t step,
               double grad_scale, const AdamwParams& params);

}  // namespace vggroove

#include "kernels/optim/adamw.h"

#include "base/error.h"
#include "kernels/optim/multi_tensor.cuh"

namespace vggroove {
namespace {

constexpr int kModelWidth = kVectorWidth<float>;

struct AdamwConstants {
  float beta2, one_minus_beta1, one_minus_beta2, epsilon;  // differences taken in double
};

// A step of one element.
struct AdamwRule {
  float rate, step_size, sqrt_bias_correction2;
  AdamwConstants constants;

  __device__ __forceinline__ AdamwRule(const AdamwStep& step, float scale,
                                       const AdamwConstants& of_all)
      : rate(step.learning_rate * scale),
        step_size(rate / step.bias_correction1),
        sqrt_bias_correction2(step.sqrt_bias_correction2),
        constants(of_all) {}

  __device__ __forceinline__ void operator()(float& parameter, float& first, float& second, float g,
                                             float weight_decay) const {
    first += (g - first) * constants.one_minus_beta1;
    second = second * constants.beta2 + g * g * constants.one_minus_beta2;
    const float denominator = sqrtf(second) / sqrt_bias_correction2 + constants.epsilon;
    const float keep = 1.0F - rate * weight_decay;
    parameter = parameter * keep - step_size * (first / denominator);
  }
};

struct AdamwUpdate {
  AdamwStep step;
  float grad_scale;
  AdamwConstants constants;

  // kWidth elements from `at` on.
  template <int kWidth>
  __device__ __forceinline__ void operator()(const AdamwTensor& tensor, std::int64_t at) const {
    float parameter[kWidth], first[kWidth], second[kWidth], grad[kWidth];
    load_as_float(parameter, tensor.parameter + at);
    load_as_float(first, tensor.first_moment + at);
    load_as_float(second, tensor.second_moment + at);
    load_grad(grad, tensor, at);
    const AdamwRule rule(step, tensor.learning_rate_scale, constants);
#pragma unroll
    for (int i = 0; i < kWidth; ++i) {
      rule(parameter[i], first[i], second[i], grad[i] * grad_scale, tensor.weight_decay);
    }
    store_from_float(tensor.parameter + at, parameter);
    store_from_float(tensor.first_moment + at, first);
    store_from_float(tensor.second_moment + at, second);
    if (tensor.parameter_bf16 != nullptr) {
      store_from_float(tensor.parameter_bf16 + at, parameter);
    }
  }
};

// What it does: one step of every tensor in the table.
// Owns:    block = a chunk of 16384 elements of one tensor; thread = 4 elements at a time
// Traffic: read 12 + 4 (2 with bf16 gradients), written 12 (14 with a bf16 copy) bytes an element
// Needs:   256 threads, a block for each chunk
// Bound:   90 % of the memory's peak
__global__ void __launch_bounds__(kChunkThreads)
    adamw_kernel(const TensorTable<AdamwTensor> table, const AdamwStep* __restrict__ step,
                 const float* __restrict__ grad_scale, AdamwConstants constants) {
  for_each_vector(table, AdamwUpdate{*step, grad_scale == nullptr ? 1.0F : *grad_scale, constants});
}

// What it does: one step of every model that does not rest.
// Owns:    block = 1024 elements of one model; thread = 4 elements
// Traffic: read 16, written 12 bytes an element; decays are all models' and come from the caches
// Needs:   256 threads; count a multiple of 4
// Bound:   90 % of the memory's peak
__global__ void __launch_bounds__(kChunkThreads)
    adamw_models_kernel(float* __restrict__ parameters, float* __restrict__ first_moments,
                        float* __restrict__ second_moments, const float* __restrict__ grads,
                        const float* __restrict__ decays, const AdamwModelStep* __restrict__ steps,
                        std::int64_t count, AdamwConstants constants) {
  const AdamwModelStep step = steps[blockIdx.y];
  const std::int64_t within =
      (static_cast<std::int64_t>(blockIdx.x) * kChunkThreads + threadIdx.x) * kModelWidth;
  if (within >= count || step.grad_scale == 0.0F) {
    return;
  }
  const std::int64_t at = blockIdx.y * count + within;
  float parameter[kModelWidth], first[kModelWidth], second[kModelWidth], grad[kModelWidth],
      decay[kModelWidth];
  load_as_float(parameter, parameters + at);
  load_as_float(first, first_moments + at);
  load_as_float(second, second_moments + at);
  load_as_float(grad, grads + at);
  load_as_float(decay, decays + within);
  const AdamwRule rule(step.step, 1.0F, constants);
#pragma unroll
  for (int i = 0; i < kModelWidth; ++i) {
    rule(parameter[i], first[i], second[i], grad[i] * step.grad_scale,
         step.weight_decay * decay[i]);
  }
  store_from_float(parameters + at, parameter);
  store_from_float(first_moments + at, first);
  store_from_float(second_moments + at, second);
}

AdamwConstants constants_of(const AdamwParams& params) {
  return {static_cast<float>(params.beta2), static_cast<float>(1 - params.beta1),
          static_cast<float>(1 - params.beta2), static_cast<float>(params.epsilon)};
}

}  // namespace

void adamw(Stream stream, std::span<const AdamwTensor> tensors, const AdamwStep* step,
           const float* grad_scale, const AdamwParams& params) {
  const AdamwConstants constants = constants_of(params);
  for_each_table(tensors, [&](const TensorTable<AdamwTensor>& table, unsigned chunks,
                              std::int64_t /*chunks_before*/) {
    simt::launch(adamw_kernel, chunks, kChunkThreads, 0, stream, table, step, grad_scale,
                 constants);
  });
}

void adamw_models(Stream stream, float* parameters, float* first_moments, float* second_moments,
                  const float* grads, const float* decays, const AdamwModelStep* steps,
                  const AdamwModels& shape, const AdamwParams& params) {
  if (shape.models > 65535 || shape.count % kModelWidth != 0) {
    throw Error(ErrorClass::kUsage,
                "adamw_models: takes at most 65535 models and a multiple of 4 parameters of each");
  }
  if (shape.models > 0 && shape.count > 0) {
    constexpr std::int64_t kPerBlock = kChunkThreads * kModelWidth;
    const dim3 grid(static_cast<unsigned>((shape.count + kPerBlock - 1) / kPerBlock),
                    static_cast<unsigned>(shape.models));
    simt::launch(adamw_models_kernel, grid, kChunkThreads, 0, stream, parameters, first_moments,
                 second_moments, grads, decays, steps, shape.count, constants_of(params));
  }
}

}  // namespace vggroove

#include "kernels/optim/adamw.h"

#include "kernels/optim/multi_tensor.cuh"

namespace vggroove {
namespace {

struct AdamwConstants {
  float beta2, one_minus_beta1, one_minus_beta2, epsilon;  // differences taken in double
};

struct AdamwUpdate {
  float learning_rate, bias_correction1, sqrt_bias_correction2, grad_scale;
  AdamwConstants constants;

  // kWidth elements from `at` on.
  template <int kWidth>
  __device__ __forceinline__ void operator()(const AdamwTensor& tensor, std::int64_t at) const {
    float parameter[kWidth], first[kWidth], second[kWidth], grad[kWidth];
    load_as_float(parameter, tensor.parameter + at);
    load_as_float(first, tensor.first_moment + at);
    load_as_float(second, tensor.second_moment + at);
    load_grad(grad, tensor, at);
    const float rate = learning_rate * tensor.learning_rate_scale;
    const float keep = 1.0F - rate * tensor.weight_decay;
    const float step_size = rate / bias_correction1;
#pragma unroll
    for (int i = 0; i < kWidth; ++i) {
      const float g = grad[i] * grad_scale;
      first[i] += (g - first[i]) * constants.one_minus_beta1;
      second[i] = second[i] * constants.beta2 + g * g * constants.one_minus_beta2;
      const float denominator = sqrtf(second[i]) / sqrt_bias_correction2 + constants.epsilon;
      parameter[i] = parameter[i] * keep - step_size * (first[i] / denominator);
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
  for_each_vector(
      table, AdamwUpdate{step->learning_rate, step->bias_correction1, step->sqrt_bias_correction2,
                         grad_scale == nullptr ? 1.0F : *grad_scale, constants});
}

}  // namespace

void adamw(Stream stream, std::span<const AdamwTensor> tensors, const AdamwStep* step,
           const float* grad_scale, const AdamwParams& params) {
  const AdamwConstants constants = {
      static_cast<float>(params.beta2), static_cast<float>(1 - params.beta1),
      static_cast<float>(1 - params.beta2), static_cast<float>(params.epsilon)};
  for_each_table(tensors, [&](const TensorTable<AdamwTensor>& table, unsigned chunks,
                              std::int64_t /*chunks_before*/) {
    simt::launch(adamw_kernel, chunks, kChunkThreads, 0, stream, table, step, grad_scale,
                 constants);
  });
}

}  // namespace vggroove

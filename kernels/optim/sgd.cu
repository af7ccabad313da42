#include "kernels/optim/sgd.h"

#include "kernels/optim/multi_tensor.cuh"

namespace vggroove {
namespace {

struct SgdUpdate {
  float learning_rate, grad_scale, momentum;

  // kWidth elements from `at` on.
  template <int kWidth>
  __device__ __forceinline__ void operator()(const SgdTensor& tensor, std::int64_t at) const {
    float parameter[kWidth], buffer[kWidth], grad[kWidth];
    load_as_float(parameter, tensor.parameter + at);
    load_as_float(buffer, tensor.momentum_buffer + at);
    load_grad(grad, tensor, at);
    const float rate = learning_rate * tensor.learning_rate_scale;
#pragma unroll
    for (int i = 0; i < kWidth; ++i) {
      buffer[i] =
          momentum * buffer[i] + (grad[i] * grad_scale + tensor.weight_decay * parameter[i]);
      parameter[i] -= rate * buffer[i];
    }
    store_from_float(tensor.parameter + at, parameter);
    store_from_float(tensor.momentum_buffer + at, buffer);
    if (tensor.parameter_bf16 != nullptr) {
      store_from_float(tensor.parameter_bf16 + at, parameter);
    }
  }
};

// What it does: one step of every tensor in the table.
// Owns:    block = a chunk of 16384 elements of one tensor; thread = 4 elements at a time
// Traffic: read 8 + 4 (2 with bf16 gradients), written 8 (10 with a bf16 copy) bytes an element
// Needs:   256 threads, a block for each chunk
// Bound:   90 % of the memory's peak
__global__ void __launch_bounds__(kChunkThreads)
    sgd_kernel(const TensorTable<SgdTensor> table, const float* __restrict__ learning_rate,
               const float* __restrict__ grad_scale, float momentum) {
  for_each_vector(table,
                  SgdUpdate{*learning_rate, grad_scale == nullptr ? 1.0F : *grad_scale, momentum});
}

}  // namespace

void sgd(Stream stream, std::span<const SgdTensor> tensors, const float* learning_rate,
         const float* grad_scale, float momentum) {
  for_each_table(tensors, [&](const TensorTable<SgdTensor>& table, unsigned chunks,
                              std::int64_t /*chunks_before*/) {
    simt::launch(sgd_kernel, chunks, kChunkThreads, 0, stream, table, learning_rate, grad_scale,
                 momentum);
  });
}

}  // namespace vggroove

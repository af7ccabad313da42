#include "kernels/optim/global_norm.h"

#include "kernels/common/block_sum.cuh"
#include "kernels/optim/multi_tensor.cuh"

namespace vggroove {
namespace {

// torch.nn.utils.clip_grad_norm_'s guard against a norm of 0.
constexpr float kNormEpsilon = 1e-6F;

struct AddSquares {
  float* sum;

  template <int kWidth>
  __device__ __forceinline__ void operator()(const GradTensor& tensor, std::int64_t at) const {
    float grad[kWidth];
    load_grad(grad, tensor, at);
    float squares = 0;
#pragma unroll
    for (int i = 0; i < kWidth; ++i) {
      squares += grad[i] * grad[i];
    }
    *sum += squares;
  }
};

// What it does: partials[blockIdx.x] = the sum of squares of the block's chunk.
// Owns:    block = a chunk of 16384 elements of one tensor; thread = 4 elements at a time
// Traffic: read 4 (2 with bf16 gradients) bytes an element, written 4 a chunk
// Needs:   256 threads, a block for each chunk
// Bound:   90 % of the memory's peak
__global__ void __launch_bounds__(kChunkThreads)
    square_sum_kernel(float* __restrict__ partials, const TensorTable<GradTensor> table) {
  float sum = 0;
  for_each_vector(table, AddSquares{&sum});
  sum = block_sum<kChunkThreads>(sum);
  if (threadIdx.x == 0) {
    partials[blockIdx.x] = sum;
  }
}

// What it does: norm and clip_scale from the partial sums.
// Owns:    one block; thread = every 256th partial
// Traffic: read 4 bytes a chunk, written 8
// Needs:   256 threads, one block
// Bound:   none, it is short
__global__ void __launch_bounds__(kChunkThreads)
    clip_scale_kernel(float* __restrict__ norm, float* __restrict__ clip_scale,
                      const float* __restrict__ partials, std::int64_t num_partials,
                      float max_norm) {
  float sum = 0;
  for (std::int64_t i = threadIdx.x; i < num_partials; i += kChunkThreads) {
    sum += partials[i];
  }
  sum = block_sum<kChunkThreads>(sum);
  if (threadIdx.x == 0) {
    *norm = sqrtf(sum);
    const float ratio = max_norm / (sqrtf(sum) + kNormEpsilon);
    *clip_scale = ratio >= 1.0F ? 1.0F : ratio;  // fminf would hide a NaN
  }
}

}  // namespace

std::int64_t global_norm_workspace_floats(std::span<const GradTensor> tensors) {
  std::int64_t chunks = 0;
  for (const GradTensor& tensor : tensors) {
    chunks += num_chunks(tensor.count);
  }
  return chunks;
}

void global_norm(Stream stream, float* norm, float* clip_scale, std::span<const GradTensor> tensors,
                 float max_norm, float* workspace) {
  for_each_table(tensors, [&](const TensorTable<GradTensor>& table, unsigned chunks,
                              std::int64_t chunks_before) {
    simt::launch(square_sum_kernel, chunks, kChunkThreads, 0, stream, workspace + chunks_before,
                 table);
  });
  simt::launch(clip_scale_kernel, 1U, kChunkThreads, 0, stream, norm, clip_scale, workspace,
               global_norm_workspace_floats(tensors), max_norm);
}

}  // namespace vggroove

#include "kernels/optim/global_norm.h"

#include "kernels/common/block_sum.cuh"
#include "kernels/optim/multi_tensor.cuh"

namespace vggroove {
namespace {

// torch.nn.utils.clip_grad_norm_'s guard against a norm of 0.
constexpr double kNormEpsilon = 1e-6;

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

// What it does: total [1] += the sum of the partial sums.
// Owns:    one warp; lane = every 32nd partial; lane 0 adds the lanes in ascending order
// Traffic: read 4 bytes a chunk and 8, written 8
// Needs:   32 threads, one block
// Bound:   none, it is short
__global__ void __launch_bounds__(32)
    add_partials_kernel(double* __restrict__ total, const float* __restrict__ partials,
                        std::int64_t num_partials) {
  __shared__ double lane_sums[32];
  double sum = 0;
  for (std::int64_t i = threadIdx.x; i < num_partials; i += 32) {
    sum += static_cast<double>(partials[i]);
  }
  lane_sums[threadIdx.x] = sum;
  __syncthreads();
  if (threadIdx.x == 0) {
    for (int lane = 1; lane < 32; ++lane) {
      sum += lane_sums[lane];
    }
    *total += sum;
  }
}

// What it does: factor from total, see the header.
// Owns:    one thread
// Traffic: read 8 bytes, written 4
// Needs:   one thread
// Bound:   none, it is short
__global__ void clip_factor_kernel(float* __restrict__ factor, const double* __restrict__ total,
                                   double max_norm) {
  const double ratio = max_norm / (sqrt(*total) + kNormEpsilon);
  *factor = ratio >= 1.0 ? 1.0F : static_cast<float>(ratio);  // fmin would hide a NaN
}

}  // namespace

std::int64_t add_squares_workspace_floats(std::span<const GradTensor> tensors) {
  std::int64_t chunks = 0;
  for (const GradTensor& tensor : tensors) {
    chunks += num_chunks(tensor.count);
  }
  return chunks;
}

void add_squares(Stream stream, double* total, std::span<const GradTensor> tensors,
                 float* workspace) {
  for_each_table(tensors, [&](const TensorTable<GradTensor>& table, unsigned chunks,
                              std::int64_t chunks_before) {
    simt::launch(square_sum_kernel, chunks, kChunkThreads, 0, stream, workspace + chunks_before,
                 table);
  });
  simt::launch(add_partials_kernel, 1U, 32U, 0, stream, total, workspace,
               add_squares_workspace_floats(tensors));
}

void clip_factor(Stream stream, float* factor, const double* total, double max_norm) {
  simt::launch(clip_factor_kernel, 1U, 1U, 0, stream, factor, total, max_norm);
}

}  // namespace vggroove

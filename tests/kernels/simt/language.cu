#include "kernels/simt/simt.h"
#include "tests/kernels/simt/language.h"

namespace vggroove {
namespace {

__global__ void warp_operations_kernel(LaneResults* results) {
  const int lane = threadIdx.x;
  LaneResults mine;
  mine.shuffle = __shfl_sync(~0u, lane, 35);
  mine.shuffle_in_8 = __shfl_sync(~0u, lane, 5, 8);
  mine.up = __shfl_up_sync(~0u, lane, 3);
  mine.up_in_8 = __shfl_up_sync(~0u, lane, 3, 8);
  mine.down = __shfl_down_sync(~0u, lane, 3);
  mine.down_in_8 = __shfl_down_sync(~0u, lane, 3, 8);
  mine.exclusive_or = __shfl_xor_sync(~0u, lane, 17);
  mine.exclusive_or_in_8 = __shfl_xor_sync(~0u, lane, 9, 8);
  mine.ballot = __ballot_sync(~0u, lane % 3 == 0);
  mine.any = __any_sync(~0u, lane == 7);
  mine.all = __all_sync(~0u, lane != 7);
  mine.reduced_sum = __reduce_add_sync(~0u, lane);
  mine.reduced_max = __reduce_max_sync(~0u, lane);
  mine.votes_in_block = __syncthreads_count(lane < 5);
  mine.block_or = __syncthreads_or(lane == 5);
  mine.block_and = __syncthreads_and(lane == 5);
  results[lane] = mine;
}

__global__ void atomics_kernel(AtomicResults* results) {
  const int i = static_cast<int>(blockIdx.x * blockDim.x + threadIdx.x);
  atomicAdd(&results->sum, i);
  atomicMax(&results->largest, i);
  atomicMin(&results->smallest, i);
  atomicExch(&results->exchanged, 4);
  atomicOr(&results->bits, 1u << i % 32);
  atomicAnd(&results->masked, ~(1u << i % 32));
  atomicAdd(&results->real_sum, 0.5f);
  atomicAdd(&results->wide_sum, 1ull << 32);
  if (atomicCAS(&results->compared, 0, i + 1) == 0) {
    atomicAdd(&results->compared, 1000);
  }
}

__global__ void places_kernel(unsigned* y) {
  const unsigned x = blockIdx.x * blockDim.x + threadIdx.x;
  const unsigned row = blockIdx.y * blockDim.y + threadIdx.y;
  const unsigned plane = blockIdx.z * blockDim.z + threadIdx.z;
  const unsigned place = (plane * gridDim.y * blockDim.y + row) * gridDim.x * blockDim.x + x;
  y[place] = place;
}

}  // namespace

void warp_operations(LaneResults* results) {
  simt::launch(warp_operations_kernel, 1, 32, 0, nullptr, results);
}

void atomics(AtomicResults* results) {
  simt::launch(atomics_kernel, 3, 32, 0, nullptr, results);
}

void places(unsigned* y) {
  simt::launch(places_kernel, dim3(kGrid[0], kGrid[1], kGrid[2]),
               dim3(kBlock[0], kBlock[1], kBlock[2]), 0, nullptr, y);
}

}  // namespace vggroove

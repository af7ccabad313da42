#pragma once

#include "kernels/simt/simt.h"

namespace vggroove {

// The warp's sum, to all its lanes: the same bits in each, since a + b == b + a at every level.
__device__ __forceinline__ float warp_sum(float value) {
#pragma unroll
  for (int distance = 16; distance > 0; distance /= 2) {
    value += __shfl_xor_sync(0xFFFFFFFFU, value, distance);
  }
  return value;
}

// The sum of one value of each of kThreads threads (a one-dimensional block), to all of them, in a
// fixed order. Once per kernel: it does not guard its shared memory against a second use.
template <int kThreads>
__device__ __forceinline__ float block_sum(float value) {
  constexpr int kWarps = kThreads / 32;
  __shared__ float warp_sums[kWarps];
  const float own = warp_sum(value);
  if (threadIdx.x % 32 == 0) {
    warp_sums[threadIdx.x / 32] = own;
  }
  __syncthreads();
  float sum = 0;
#pragma unroll
  for (int warp = 0; warp < kWarps; ++warp) {
    sum += warp_sums[warp];
  }
  return sum;
}

}  // namespace vggroove

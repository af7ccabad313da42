#include "kernels/simt/simt.h"
#include "tests/kernels/simt/sum.h"

namespace vggroove {
namespace {

constexpr int kBlock = 256;

__device__ float warp_sum(float value) {
#pragma unroll
  for (int offset = 16; offset > 0; offset /= 2) {
    value += __shfl_xor_sync(~0u, value, offset);
  }
  return value;
}

__global__ void __launch_bounds__(kBlock)
    sum_kernel(float* __restrict__ total, const float4* __restrict__ x, int num_quads) {
  __shared__ float partial[kBlock / 32];
  float value = 0.0f;
  for (int i = blockIdx.x * blockDim.x + threadIdx.x; i < num_quads; i += gridDim.x * blockDim.x) {
    const float4 quad = __ldg(x + i);
    value += (quad.x + quad.y) + (quad.z + quad.w);
  }
  value = warp_sum(value);
  if (threadIdx.x % 32 == 0) {
    partial[threadIdx.x / 32] = value;
  }
  __syncthreads();
  if (threadIdx.x < 32) {
    value = warp_sum(threadIdx.x < kBlock / 32 ? partial[threadIdx.x] : 0.0f);
    if (threadIdx.x == 0) {
      atomicAdd(total, value);
    }
  }
}

}  // namespace

void sum(Stream stream, float* total, const float* x, int n) {
  constexpr int kGrid = 5;
  simt::launch(sum_kernel, kGrid, kBlock, 0, stream, total, reinterpret_cast<const float4*>(x),
               n / 4);
}

}  // namespace vggroove

#include "kernels/simt/simt.h"
#include "tests/kernels/simt/traffic.h"

namespace vggroove {
namespace {

constexpr int kBlock = 64;

__global__ void copy_strided_kernel(float* y, const float* x, int stride) {
  y[threadIdx.x] = x[threadIdx.x * stride];
}

__global__ void copy_quads_kernel(float4* y, const float4* x) {
  const float4 quad = __ldg(x + threadIdx.x);
  y[threadIdx.x] = make_float4(quad.x, quad.y, quad.z, quad.w);
}

__global__ void copy_singles_kernel(float* y, const float* x) {
  const int first = threadIdx.x * 4;
  for (int i = first; i < first + 4; ++i) {
    y[i] = x[i];
  }
}

__global__ void copy_bfloat16_kernel(BFloat16* y, const BFloat16* x) {
  y[threadIdx.x] = to_bfloat16(to_float(x[threadIdx.x]));
}

__global__ void shared_strided_kernel(float* y, int stride) {
  __shared__ float words[kBlock * 33];
  words[threadIdx.x * stride] = 1.0f;
  __syncthreads();
  y[threadIdx.x] = words[threadIdx.x * stride];
}

__global__ void shared_quads_kernel(float* y) {
  __shared__ float4 quads[kBlock];
  quads[threadIdx.x] = make_float4(1, 2, 3, 4);
  __syncthreads();
  const float4 quad = quads[threadIdx.x ^ 1];
  y[threadIdx.x] = quad.x + quad.w;
}

__global__ void loop_and_broadcast_kernel(float* y, const float* x) {
  float sum = x[0];
  for (unsigned i = 0; i < threadIdx.x / 32 + 1; ++i) {
    sum += x[i * kBlock + threadIdx.x];
  }
  y[threadIdx.x] = sum;
}

}  // namespace

void copy_strided(float* y, const float* x, int stride) {
  simt::launch(copy_strided_kernel, 1, kBlock, 0, nullptr, y, x, stride);
}

void copy_quads(float* y, const float* x) {
  simt::launch(copy_quads_kernel, 1, kBlock, 0, nullptr, reinterpret_cast<float4*>(y),
               reinterpret_cast<const float4*>(x));
}

void copy_singles(float* y, const float* x) {
  simt::launch(copy_singles_kernel, 1, kBlock, 0, nullptr, y, x);
}

void copy_bfloat16(BFloat16* y, const BFloat16* x) {
  simt::launch(copy_bfloat16_kernel, 1, kBlock, 0, nullptr, y, x);
}

void shared_strided(float* y, int stride) {
  simt::launch(shared_strided_kernel, 1, kBlock, 0, nullptr, y, stride);
}

void shared_quads(float* y) {
  simt::launch(shared_quads_kernel, 1, kBlock, 0, nullptr, y);
}

void loop_and_broadcast(float* y, const float* x) {
  simt::launch(loop_and_broadcast_kernel, 1, kBlock, 0, nullptr, y, x);
}

}  // namespace vggroove

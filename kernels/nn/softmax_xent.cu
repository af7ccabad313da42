#include "kernels/nn/softmax_xent.h"

#include <cmath>
#include <string>

#include "base/error.h"
#include "kernels/common/block_sum.cuh"
#include "kernels/common/vector.cuh"

namespace vggroove {
namespace {

constexpr int kWarps = 8;
constexpr int kThreads = 32 * kWarps;
constexpr int kMaxClasses = 1024;

__device__ __forceinline__ float warp_max(float value) {
#pragma unroll
  for (int distance = 16; distance > 0; distance /= 2) {
    value = fmaxf(value, __shfl_xor_sync(0xFFFFFFFFU, value, distance));
  }
  return value;
}

// What it does: losses and grad_logits, see the header.
// Owns:    warp = one row; lane = classes lane, lane + 32, ..., kept in registers
// Traffic: read (sizeof(T) + 4) * classes, written sizeof(T) * classes + 4 bytes a row
// Needs:   256 threads; classes <= 32 * kPerLane; grad_logits may be logits
// Bound:   90 % of the memory's peak for many rows; a training batch is one short launch
template <int kPerLane, class T>
__global__ void __launch_bounds__(kThreads)
    softmax_xent_kernel(float* __restrict__ losses, T* grad_logits, const T* logits,
                        const float* __restrict__ targets, std::int64_t rows, int classes) {
  const std::int64_t row = static_cast<std::int64_t>(blockIdx.x) * kWarps + threadIdx.x / 32;
  const int lane = static_cast<int>(threadIdx.x % 32);
  if (row >= rows) {
    return;  // whole warps
  }
  float logit[kPerLane], target[kPerLane];
  float maximum = -INFINITY;
#pragma unroll
  for (int i = 0; i < kPerLane; ++i) {
    const int c = i * 32 + lane;
    const bool inside = c < classes;
    float value[1] = {-INFINITY};
    if (inside) {
      load_as_float(value, logits + row * classes + c);
    }
    logit[i] = value[0];
    target[i] = inside ? targets[row * classes + c] : 0.0F;
    maximum = fmaxf(maximum, logit[i]);
  }
  maximum = warp_max(maximum);
  float exponential_sum = 0, target_sum = 0;
#pragma unroll
  for (int i = 0; i < kPerLane; ++i) {
    logit[i] -= maximum;
    exponential_sum += expf(logit[i]);  // 0 beyond the classes
    target_sum += target[i];
  }
  exponential_sum = warp_sum(exponential_sum);
  target_sum = warp_sum(target_sum);
  const float log_sum = logf(exponential_sum);
  const float probability_scale = target_sum / exponential_sum;
  float loss = 0;
#pragma unroll
  for (int i = 0; i < kPerLane; ++i) {
    const int c = i * 32 + lane;
    if (c < classes) {
      loss += target[i] == 0.0F ? 0.0F : target[i] * (log_sum - logit[i]);
      const float grad[1] = {expf(logit[i]) * probability_scale - target[i]};
      store_from_float(grad_logits + row * classes + c, grad);
    }
  }
  loss = warp_sum(loss);
  if (lane == 0) {
    losses[row] = loss;
  }
}

}  // namespace

template <class T>
void softmax_xent(Stream stream, float* losses, T* grad_logits, const T* logits,
                  const float* targets, const SoftmaxXentShape& shape) {
  if (shape.classes < 1 || shape.classes > kMaxClasses) {
    throw Error(ErrorClass::kUsage,
                "softmax_xent: takes 1 to 1024 classes, not " + std::to_string(shape.classes));
  }
  if (shape.rows > 0) {
    const auto blocks = static_cast<unsigned>((shape.rows + kWarps - 1) / kWarps);
    simt::launch(
        shape.classes <= 32 ? softmax_xent_kernel<1, T> : softmax_xent_kernel<kMaxClasses / 32, T>,
        blocks, kThreads, 0, stream, losses, grad_logits, logits, targets, shape.rows,
        shape.classes);
  }
}

template void softmax_xent(Stream, float*, float*, const float*, const float*,
                           const SoftmaxXentShape&);
template void softmax_xent(Stream, float*, BFloat16*, const BFloat16*, const float*,
                           const SoftmaxXentShape&);

}  // namespace vggroove

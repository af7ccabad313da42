#include "kernels/nn/softmax_xent.h"

#include <cmath>
#include <string>

#include "base/error.h"
#include "kernels/common/block_sum.cuh"

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

// w[label] of a row; 0 for a row that does not count, NaN for a label that does not exist.
__device__ __forceinline__ float label_weight(int label, int classes, const float* class_weights) {
  if (label < 0) {
    return 0;
  }
  if (label >= classes) {
    return NAN;
  }
  return class_weights == nullptr ? 1.0F : class_weights[label];
}

// What it does: weight_sum [1] = the sum of w[label] over the rows.
// Owns:    one block; thread = every 256th row
// Traffic: read 4 bytes a row and its class's weight
// Needs:   256 threads, one block
// Bound:   none, it is short
__global__ void __launch_bounds__(kThreads)
    label_weight_sum_kernel(float* __restrict__ weight_sum, const std::int32_t* __restrict__ labels,
                            const float* __restrict__ class_weights, std::int64_t rows,
                            int classes) {
  float sum = 0;
  for (std::int64_t row = threadIdx.x; row < rows; row += kThreads) {
    sum += label_weight(labels[row], classes, class_weights);
  }
  sum = block_sum<kThreads>(sum);
  if (threadIdx.x == 0) {
    *weight_sum = sum;
  }
}

// What it does: row_loss and grad_logits, see the header.
// Owns:    warp = one row; lane = classes lane, lane + 32, ..., kept in registers
// Traffic: read 4 * classes + 8, written 4 * classes + 4 bytes a row; the class weights once a warp
// Needs:   256 threads; classes <= 32 * kPerLane
// Bound:   90 % of the memory's peak for many rows; a training batch is one short launch
template <int kPerLane>
__global__ void __launch_bounds__(kThreads)
    softmax_xent_kernel(float* __restrict__ row_loss, float* __restrict__ grad_logits,
                        const float* __restrict__ weight_sum, const float* __restrict__ logits,
                        const std::int32_t* __restrict__ labels,
                        const float* __restrict__ class_weights, float label_smoothing,
                        std::int64_t rows, int classes) {
  const std::int64_t row = static_cast<std::int64_t>(blockIdx.x) * kWarps + threadIdx.x / 32;
  const int lane = static_cast<int>(threadIdx.x % 32);
  if (row >= rows) {
    return;  // whole warps
  }
  const int label = labels[row];
  const float own_weight = label_weight(label, classes, class_weights);
  float logit[kPerLane], weight[kPerLane];
  float maximum = -INFINITY;
#pragma unroll
  for (int i = 0; i < kPerLane; ++i) {
    const int c = i * 32 + lane;
    const bool inside = c < classes;
    logit[i] = inside ? logits[row * classes + c] : -INFINITY;
    weight[i] = !inside ? 0.0F : class_weights == nullptr ? 1.0F : class_weights[c];
    maximum = fmaxf(maximum, logit[i]);
  }
  maximum = warp_max(maximum);
  float exponential[kPerLane];
  float exponential_sum = 0, weight_total = 0;
#pragma unroll
  for (int i = 0; i < kPerLane; ++i) {
    exponential[i] = expf(logit[i] - maximum);  // 0 beyond the classes
    exponential_sum += exponential[i];
    weight_total += weight[i];
  }
  exponential_sum = warp_sum(exponential_sum);
  weight_total = warp_sum(weight_total);
  const float log_sum = logf(exponential_sum);

  // Each class's share of the target: w[label] (1 - s) on the label, w[c] s / classes on all.
  const float on_label = own_weight * (1.0F - label_smoothing);
  const float on_all = label_smoothing / static_cast<float>(classes);
  const float target_total = on_label + on_all * weight_total;
  const float probability_scale = target_total / exponential_sum;
  const float mean_scale = 1.0F / *weight_sum;
  float loss = 0;
#pragma unroll
  for (int i = 0; i < kPerLane; ++i) {
    const int c = i * 32 + lane;
    if (c < classes) {
      const float target = on_all * weight[i] + (c == label ? on_label : 0.0F);
      loss += target == 0.0F ? 0.0F : target * (log_sum - (logit[i] - maximum));
      if (grad_logits != nullptr) {
        grad_logits[row * classes + c] =
            label < 0 ? 0.0F : (exponential[i] * probability_scale - target) * mean_scale;
      }
    }
  }
  loss = warp_sum(loss);
  if (lane == 0) {
    row_loss[row] = label < 0 ? 0.0F : label < classes ? loss : NAN;
  }
}

// What it does: loss [1] = sum of row_loss / weight_sum.
// Owns:    one block; thread = every 256th row
// Traffic: read 4 bytes a row
// Needs:   256 threads, one block
// Bound:   none, it is short
__global__ void __launch_bounds__(kThreads)
    mean_loss_kernel(float* __restrict__ loss, const float* __restrict__ row_loss,
                     const float* __restrict__ weight_sum, std::int64_t rows) {
  float sum = 0;
  for (std::int64_t row = threadIdx.x; row < rows; row += kThreads) {
    sum += row_loss[row];
  }
  sum = block_sum<kThreads>(sum);
  if (threadIdx.x == 0) {
    *loss = sum / *weight_sum;
  }
}

}  // namespace

void softmax_xent(Stream stream, float* loss, float* row_loss, float* grad_logits,
                  float* weight_sum, const float* logits, const std::int32_t* labels,
                  const float* class_weights, float label_smoothing,
                  const SoftmaxXentShape& shape) {
  if (shape.classes < 1 || shape.classes > kMaxClasses) {
    throw Error(ErrorClass::kUsage,
                "softmax_xent: takes 1 to 1024 classes, not " + std::to_string(shape.classes));
  }
  simt::launch(label_weight_sum_kernel, 1U, kThreads, 0, stream, weight_sum, labels, class_weights,
               shape.rows, shape.classes);
  if (shape.rows > 0) {
    const auto blocks = static_cast<unsigned>((shape.rows + kWarps - 1) / kWarps);
    simt::launch(
        shape.classes <= 32 ? softmax_xent_kernel<1> : softmax_xent_kernel<kMaxClasses / 32>,
        blocks, kThreads, 0, stream, row_loss, grad_logits, weight_sum, logits, labels,
        class_weights, label_smoothing, shape.rows, shape.classes);
  }
  simt::launch(mean_loss_kernel, 1U, kThreads, 0, stream, loss, row_loss, weight_sum, shape.rows);
}

}  // namespace vggroove

#include "engine/backends/cpu/conv1_training.h"

#include <cstring>

#include "engine/backends/cpu/highway_targets.h"

#undef HWY_TARGET_INCLUDE
#define HWY_TARGET_INCLUDE "engine/backends/cpu/conv1_training.cpp"
#include <hwy/foreach_target.h>
#include <hwy/highway.h>

HWY_BEFORE_NAMESPACE();
namespace vggroove::cpu::HWY_NAMESPACE {
namespace {
namespace hn = hwy::HWY_NAMESPACE;

constexpr hn::CappedTag<float, 16> kTag;
using Vector = hn::Vec<decltype(kTag)>;
constexpr std::size_t kLanes = hn::MaxLanes(kTag);

// Two vectors of channels at a time: the weights, or their gradients, are 18 vectors and stay in
// 32 registers.
void forward(float* HWY_RESTRICT y, const float* HWY_RESTRICT padded,
             const float* HWY_RESTRICT weights, const float* HWY_RESTRICT biases,
             const Conv1Image& shape) {
  const std::size_t stride = shape.width + 2;
  for (std::size_t c = 0; c < shape.channels; c += 2 * kLanes) {
    Vector w[9][2];
    HWY_UNROLL(9)
    for (std::size_t tap = 0; tap < 9; ++tap) {
      w[tap][0] = hn::Load(kTag, weights + tap * shape.channels + c);
      w[tap][1] = hn::Load(kTag, weights + tap * shape.channels + c + kLanes);
    }
    const Vector bias0 = hn::Load(kTag, biases + c), bias1 = hn::Load(kTag, biases + c + kLanes);
    for (std::size_t row = 0; row < shape.height; ++row) {
      for (std::size_t column = 0; column < shape.width; ++column) {
        const float* const patch = padded + row * stride + column;
        Vector sum0 = bias0, sum1 = bias1;
        HWY_UNROLL(9)
        for (std::size_t tap = 0; tap < 9; ++tap) {
          const Vector value = hn::Set(kTag, patch[tap / 3 * stride + tap % 3]);
          sum0 = hn::MulAdd(value, w[tap][0], sum0);
          sum1 = hn::MulAdd(value, w[tap][1], sum1);
        }
        float* const to = y + (row * shape.width + column) * shape.channels + c;
        hn::Store(hn::Max(sum0, hn::Zero(kTag)), kTag, to);
        hn::Store(hn::Max(sum1, hn::Zero(kTag)), kTag, to + kLanes);
      }
    }
  }
}

void wgrad(float* HWY_RESTRICT grad_weights, const float* HWY_RESTRICT grad_y,
           const float* HWY_RESTRICT padded, const Conv1Image& shape) {
  const std::size_t stride = shape.width + 2;
  for (std::size_t c = 0; c < shape.channels; c += 2 * kLanes) {
    Vector sum[9][2];
    HWY_UNROLL(9)
    for (std::size_t tap = 0; tap < 9; ++tap) {
      sum[tap][0] = sum[tap][1] = hn::Zero(kTag);
    }
    for (std::size_t row = 0; row < shape.height; ++row) {
      for (std::size_t column = 0; column < shape.width; ++column) {
        const float* const patch = padded + row * stride + column;
        const float* const from = grad_y + (row * shape.width + column) * shape.channels + c;
        const Vector grad0 = hn::Load(kTag, from), grad1 = hn::Load(kTag, from + kLanes);
        HWY_UNROLL(9)
        for (std::size_t tap = 0; tap < 9; ++tap) {
          const Vector value = hn::Set(kTag, patch[tap / 3 * stride + tap % 3]);
          sum[tap][0] = hn::MulAdd(value, grad0, sum[tap][0]);
          sum[tap][1] = hn::MulAdd(value, grad1, sum[tap][1]);
        }
      }
    }
    HWY_UNROLL(9)
    for (std::size_t tap = 0; tap < 9; ++tap) {
      hn::Store(sum[tap][0], kTag, grad_weights + tap * shape.channels + c);
      hn::Store(sum[tap][1], kTag, grad_weights + tap * shape.channels + c + kLanes);
    }
  }
}

}  // namespace
}  // namespace vggroove::cpu::HWY_NAMESPACE
HWY_AFTER_NAMESPACE();

#if HWY_ONCE
namespace vggroove::cpu {
namespace {
HWY_EXPORT(forward);
HWY_EXPORT(wgrad);
}  // namespace

void pad_image(float* padded, const float* image, const Conv1Image& shape) {
  std::memset(padded, 0, shape.padded_count() * sizeof(float));
  for (std::size_t row = 0; row < shape.height; ++row) {
    std::memcpy(padded + (row + 1) * (shape.width + 2) + 1, image + row * shape.width,
                shape.width * sizeof(float));
  }
}
void conv1(float* y, const float* padded, const float* weights, const float* biases,
           const Conv1Image& shape) {
  HWY_DYNAMIC_DISPATCH(forward)(y, padded, weights, biases, shape);
}
void conv1_wgrad(float* grad_weights, const float* grad_y, const float* padded,
                 const Conv1Image& shape) {
  HWY_DYNAMIC_DISPATCH(wgrad)(grad_weights, grad_y, padded, shape);
}

}  // namespace vggroove::cpu
#endif  // HWY_ONCE

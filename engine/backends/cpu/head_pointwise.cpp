#include "engine/backends/cpu/head_pointwise.h"

#include <cstdint>
#include <limits>

#include "engine/backends/cpu/head_step.h"
#include "engine/backends/cpu/highway_targets.h"

#undef HWY_TARGET_INCLUDE
#define HWY_TARGET_INCLUDE "engine/backends/cpu/head_pointwise.cpp"
#include <hwy/foreach_target.h>
#include <hwy/highway.h>
// After highway.h:
#include <hwy/contrib/math/math-inl.h>

HWY_BEFORE_NAMESPACE();
namespace vggroove::cpu::HWY_NAMESPACE {
namespace {
namespace hn = hwy::HWY_NAMESPACE;

constexpr hn::CappedTag<float, 16> kTag;
constexpr hn::RebindToSigned<decltype(kTag)> kIntTag;
using Vector = hn::Vec<decltype(kTag)>;
constexpr std::size_t kLanes = hn::MaxLanes(kTag);

HWY_INLINE void put(float* to, float value, bool accumulate) {
  *to = accumulate ? *to + value : value;
}

void bias_relu(float* HWY_RESTRICT hidden, const float* HWY_RESTRICT biases,
               const float* HWY_RESTRICT keep, std::size_t units) {
  for (std::size_t unit = 0; unit < units; ++unit) {
    const Vector bias = hn::Set(kTag, biases[unit]);
    for (std::size_t i = unit * kHeadPanel; i < (unit + 1) * kHeadPanel; i += kLanes) {
      Vector x = hn::Add(hn::Load(kTag, hidden + i), bias);
      x = hn::IfThenZeroElse(hn::Lt(x, hn::Zero(kTag)), x);  // NaN stays NaN, and is noticed
      hn::Store(keep == nullptr ? x : hn::Mul(x, hn::Load(kTag, keep + i)), kTag, hidden + i);
    }
  }
}

void bias_relu_bwd(float* HWY_RESTRICT grad, float* HWY_RESTRICT grad_biases,
                   const float* HWY_RESTRICT hidden, const float* HWY_RESTRICT keep,
                   std::size_t units, bool accumulate) {
  for (std::size_t unit = 0; unit < units; ++unit) {
    Vector sum = hn::Zero(kTag);
    for (std::size_t i = unit * kHeadPanel; i < (unit + 1) * kHeadPanel; i += kLanes) {
      // A dropped unit is 0 in hidden.
      const auto open = hn::Gt(hn::Load(kTag, hidden + i), hn::Zero(kTag));
      Vector g = hn::IfThenElseZero(open, hn::Load(kTag, grad + i));
      g = keep == nullptr ? g : hn::Mul(g, hn::Load(kTag, keep + i));
      sum = hn::Add(sum, g);
      hn::Store(g, kTag, grad + i);
    }
    put(grad_biases + unit, hn::GetLane(hn::SumOfLanes(kTag, sum)), accumulate);
  }
}

// The examples from `first` on, one a lane. Returns the sum of their losses.
float softmax_lanes(float* HWY_RESTRICT logits, const float* HWY_RESTRICT biases,
                    const int* HWY_RESTRICT labels, Vector weight, float smoothing,
                    std::size_t classes) {
  const auto label = hn::LoadU(kIntTag, labels);
  Vector largest = hn::Set(kTag, -std::numeric_limits<float>::infinity());
  Vector of_label = hn::Zero(kTag), total = hn::Zero(kTag);
  for (std::size_t k = 0; k < classes; ++k) {
    const Vector z = hn::Add(hn::Load(kTag, logits + k * kHeadPanel), hn::Set(kTag, biases[k]));
    hn::Store(z, kTag, logits + k * kHeadPanel);
    const auto here = hn::Eq(label, hn::Set(kIntTag, static_cast<std::int32_t>(k)));
    of_label = hn::IfThenElse(hn::RebindMask(kTag, here), z, of_label);
    total = hn::Add(total, z);
    largest = hn::Max(largest, z);
  }
  Vector sum = hn::Zero(kTag);
  for (std::size_t k = 0; k < classes; ++k) {
    float* const at = logits + k * kHeadPanel;
    const Vector e = hn::Exp(kTag, hn::Sub(hn::Load(kTag, at), largest));
    hn::Store(e, kTag, at);
    sum = hn::Add(sum, e);
  }
  const Vector everywhere = hn::Set(kTag, smoothing / static_cast<float>(classes));
  const Vector at_label = hn::Set(kTag, 1 - smoothing);
  const Vector share = hn::Div(hn::Set(kTag, 1.0F), sum);
  for (std::size_t k = 0; k < classes; ++k) {
    float* const at = logits + k * kHeadPanel;
    const auto here = hn::Eq(label, hn::Set(kIntTag, static_cast<std::int32_t>(k)));
    const Vector target =
        hn::Add(everywhere, hn::IfThenElseZero(hn::RebindMask(kTag, here), at_label));
    hn::Store(hn::Mul(hn::MulSub(hn::Load(kTag, at), share, target), weight), kTag, at);
  }
  // -sum of target (z - log_sum), the targets adding up to 1
  const Vector log_sum = hn::Add(largest, hn::Log(kTag, sum));
  const Vector mean = hn::MulAdd(everywhere, total, hn::Mul(at_label, of_label));
  return hn::GetLane(hn::SumOfLanes(kTag, hn::Mul(hn::Sub(log_sum, mean), weight)));
}

double softmax_cross_entropy(float* HWY_RESTRICT logits, float* HWY_RESTRICT grad_biases,
                             const float* HWY_RESTRICT biases, const int* HWY_RESTRICT labels,
                             const PanelExamples& examples, float smoothing, std::size_t classes,
                             bool accumulate) {
  double loss = 0;
  for (std::size_t first = 0; first < kHeadPanel; first += kLanes) {
    const std::size_t here = examples.count > first ? examples.count - first : 0;
    const Vector weight =
        hn::IfThenElseZero(hn::FirstN(kTag, here), hn::Set(kTag, examples.weight));
    loss += static_cast<double>(
        softmax_lanes(logits + first, biases, labels + first, weight, smoothing, classes));
  }
  for (std::size_t k = 0; k < classes; ++k) {
    Vector sum = hn::Zero(kTag);
    for (std::size_t i = k * kHeadPanel; i < (k + 1) * kHeadPanel; i += kLanes) {
      sum = hn::Add(sum, hn::Load(kTag, logits + i));
    }
    put(grad_biases + k, hn::GetLane(hn::SumOfLanes(kTag, sum)), accumulate);
  }
  return loss;
}

}  // namespace
}  // namespace vggroove::cpu::HWY_NAMESPACE
HWY_AFTER_NAMESPACE();

#if HWY_ONCE
namespace vggroove::cpu {
namespace {
HWY_EXPORT(bias_relu);
HWY_EXPORT(bias_relu_bwd);
HWY_EXPORT(softmax_cross_entropy);
}  // namespace

void bias_relu_panel(float* hidden, const float* biases, const float* keep, std::size_t units) {
  HWY_DYNAMIC_DISPATCH(bias_relu)(hidden, biases, keep, units);
}
void bias_relu_bwd_panel(float* grad, float* grad_biases, const float* hidden, const float* keep,
                         std::size_t units, bool accumulate) {
  HWY_DYNAMIC_DISPATCH(bias_relu_bwd)(grad, grad_biases, hidden, keep, units, accumulate);
}
double softmax_cross_entropy_panel(float* logits, float* grad_biases, const float* biases,
                                   const int* labels, const PanelExamples& examples,
                                   float smoothing, std::size_t classes, bool accumulate) {
  return HWY_DYNAMIC_DISPATCH(softmax_cross_entropy)(logits, grad_biases, biases, labels, examples,
                                                     smoothing, classes, accumulate);
}

}  // namespace vggroove::cpu
#endif  // HWY_ONCE

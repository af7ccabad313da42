#include "engine/backends/cpu/conv1_pool.h"

#include <fmt/format.h>

#include <cstring>

#include "base/error.h"
#include "engine/backends/cpu/highway_targets.h"

#undef HWY_TARGET_INCLUDE
#define HWY_TARGET_INCLUDE "engine/backends/cpu/conv1_pool.cpp"
#include <hwy/foreach_target.h>
#include <hwy/highway.h>

HWY_BEFORE_NAMESPACE();
namespace vggroove::cpu::HWY_NAMESPACE {
namespace {
namespace hn = hwy::HWY_NAMESPACE;

constexpr hn::CappedTag<float, 16> kTag;
using Vector = hn::Vec<decltype(kTag)>;
constexpr std::size_t kLanes = hn::MaxLanes(kTag);

// padded [h + 2][w + 2] with a border of zeros; weights [9][channels]; output [h/2][w/2][channels].
// Two vectors of channels at a time: 18 vectors of weights and 8 sums stay in 32 registers.
void conv1_pool(const float* HWY_RESTRICT padded, const Conv3x3Spec& spec,
                const float* HWY_RESTRICT weights, const float* HWY_RESTRICT biases,
                float* HWY_RESTRICT output) {
  const std::size_t channels = spec.out_channels;
  const std::size_t stride = spec.width + 2;
  for (std::size_t c = 0; c < channels; c += 2 * kLanes) {
    Vector w[9][2];
    HWY_UNROLL(9)
    for (std::size_t tap = 0; tap < 9; ++tap) {
      w[tap][0] = hn::Load(kTag, weights + tap * channels + c);
      w[tap][1] = hn::Load(kTag, weights + tap * channels + c + kLanes);
    }
    const Vector bias0 = hn::Load(kTag, biases + c), bias1 = hn::Load(kTag, biases + c + kLanes);
    for (std::size_t y = 0; y < spec.height / 2; ++y) {
      for (std::size_t x = 0; x < spec.width / 2; ++x) {
        const float* const patch = padded + 2 * y * stride + 2 * x;
        Vector sum[4][2];  // of the four outputs that the pool joins
        HWY_UNROLL(4)
        for (int i = 0; i < 4; ++i) {
          sum[i][0] = sum[i][1] = hn::Zero(kTag);
        }
        HWY_UNROLL(4)
        for (int r = 0; r < 4; ++r) {
          HWY_UNROLL(4)
          for (int s = 0; s < 4; ++s) {
            const Vector value = hn::Set(kTag, patch[r * stride + s]);
            HWY_UNROLL(4)
            for (int i = 0; i < 4; ++i) {
              const int tap_row = r - i / 2, tap_column = s - i % 2;
              if (tap_row >= 0 && tap_row < 3 && tap_column >= 0 && tap_column < 3) {
                const int tap = tap_row * 3 + tap_column;
                sum[i][0] = hn::MulAdd(value, w[tap][0], sum[i][0]);
                sum[i][1] = hn::MulAdd(value, w[tap][1], sum[i][1]);
              }
            }
          }
        }
        float* const to = output + (y * (spec.width / 2) + x) * channels + c;
        const Vector largest0 =
            hn::Max(hn::Max(sum[0][0], sum[1][0]), hn::Max(sum[2][0], sum[3][0]));
        const Vector largest1 =
            hn::Max(hn::Max(sum[0][1], sum[1][1]), hn::Max(sum[2][1], sum[3][1]));
        hn::Store(hn::Max(hn::Add(largest0, bias0), hn::Zero(kTag)), kTag, to);
        hn::Store(hn::Max(hn::Add(largest1, bias1), hn::Zero(kTag)), kTag, to + kLanes);
      }
    }
  }
}

}  // namespace
}  // namespace vggroove::cpu::HWY_NAMESPACE
HWY_AFTER_NAMESPACE();

#if HWY_ONCE
namespace vggroove::cpu {
namespace {
HWY_EXPORT(conv1_pool);
}  // namespace

Conv1Pool::Conv1Pool(const Conv3x3Spec& spec, const WeightReader& weights,
                     const WeightReader& biases)
    : spec_(spec) {
  if (spec.in_channels != 1 || !spec.max_pool || spec.height % 2 != 0 || spec.width % 2 != 0 ||
      spec.out_channels == 0 || spec.out_channels % 32 != 0) {
    throw Error(ErrorClass::kUsage,
                fmt::format("no first convolution for {}x{}x{} -> {} channels", spec.height,
                            spec.width, spec.in_channels, spec.out_channels));
  }
  weights_ = HugeBuffer(10 * spec.out_channels * sizeof(float));
  weights(0, {weights_.as<float>(), 9 * spec.out_channels});
  biases(0, {weights_.as<float>() + 9 * spec.out_channels, spec.out_channels});
}

std::size_t Conv1Pool::scratch_bytes(std::size_t) const {
  return (spec_.height + 2) * (spec_.width + 2) * sizeof(float);
}

void Conv1Pool::forward(const std::byte* input, std::size_t n, std::byte* output,
                        std::byte* scratch) const {
  const float* const weights = weights_.as<float>();
  auto* const padded = reinterpret_cast<float*>(scratch);
  const std::size_t stride = spec_.width + 2;
  std::memset(padded, 0, scratch_bytes(1));
  for (std::size_t example = 0; example < n; ++example) {
    const auto* const image = reinterpret_cast<const float*>(input + example * input_bytes());
    for (std::size_t y = 0; y < spec_.height; ++y) {
      std::memcpy(padded + (y + 1) * stride + 1, image + y * spec_.width,
                  spec_.width * sizeof(float));
    }
    HWY_DYNAMIC_DISPATCH(conv1_pool)
    (padded, spec_, weights, weights + 9 * spec_.out_channels,
     reinterpret_cast<float*>(output + example * output_bytes()));
  }
}

}  // namespace vggroove::cpu
#endif  // HWY_ONCE

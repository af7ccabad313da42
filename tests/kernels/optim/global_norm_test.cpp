#include "kernels/optim/global_norm.h"

#include <gtest/gtest.h>

#include <cmath>
#include <deque>
#include <limits>
#include <vector>

#include "tests/kernels/kernel_test.h"
#include "tests/kernels/optim/golden_optim.h"

namespace vggroove {
namespace {

using testing::DeviceArray;
using testing::expect_same_in_every_thread_order;
using testing::formula_integers;
using testing::joined;
using testing::random_values;
using Values = std::vector<double>;

// From a total that is not 0: `before`.
struct Norm {
  DeviceArray<double> total{Values{before}};
  DeviceArray<float> clip_scale{1};
  static constexpr double before = 0x1p-20;

  Norm(const std::vector<GradTensor>& tensors, double max_norm) {
    DeviceArray<float> workspace(add_squares_workspace_floats(tensors));
    add_squares(nullptr, total.data(), tensors, workspace.data());
    clip_factor(nullptr, clip_scale.data(), total.data(), max_norm);
  }
  double square_sum() { return total.values()[0] - before; }
  double value() { return std::sqrt(square_sum()); }
  double scale() { return clip_scale.values()[0]; }
};

GradTensor tensor_of(DeviceArray<float>& grad) {
  return {.grad = grad.data(), .count = static_cast<std::int64_t>(grad.size())};
}
GradTensor tensor_of(DeviceArray<BFloat16>& grad) {
  return {.grad_bf16 = grad.data(), .count = static_cast<std::int64_t>(grad.size())};
}

TEST(GlobalNorm, is_that_of_pytorch) {
  const auto golden = testing::golden_optim();
  for (const char* optimiser : {"adamw", "sgd"}) {
    for (const auto& step : golden[optimiser]["steps"]) {
      const Values grad = step["gradient"];
      DeviceArray<float> first(Values(grad.begin(), grad.begin() + 5)),
          second(Values(grad.begin() + 5, grad.end()));
      const double expected = step["norm"];
      EXPECT_TRUE(std::abs(std::sqrt(square_sum_ref(grad.data(), 16)) - expected) <= 1e-14);
      Norm norm({tensor_of(first), tensor_of(second)}, golden["max_norm"].get<double>());
      // 16 squares and their sum, each rounded: 17 roundings, halved by the root.
      EXPECT_TRUE(std::abs(norm.value() - expected) <= 9 * 0x1p-24 * expected) << norm.value();
      const double scale = clip_factor_ref(expected * expected, golden["max_norm"]);
      EXPECT_EQ(scale, std::min(1.0, golden["max_norm"].get<double>() / (expected + 1e-6)));
      EXPECT_TRUE(std::abs(norm.scale() - scale) <= 12 * 0x1p-24) << norm.scale();
    }
  }
}

// Sums of squares below 2^24 are exact in any order: more tensors than a launch takes, sizes around
// a chunk, empty ones, both types.
TEST(GlobalNorm, squares_of_integers_sum_exactly) {
  const std::int64_t sizes[] = {1, 0, 3, 5, 16384, 16387, 40000};
  std::deque<DeviceArray<float>> wide;
  std::deque<DeviceArray<BFloat16>> narrow;
  std::vector<GradTensor> tensors;
  double square_sum = 0;
  for (int t = 0; t < 70; ++t) {
    const std::int64_t size = t < 7 ? sizes[t] : t % 5;
    const Values grad = formula_integers(size, 3, 5 + t, 9);
    square_sum += square_sum_ref(grad.data(), size);
    tensors.push_back(t % 2 == 0 ? tensor_of(wide.emplace_back(grad))
                                 : tensor_of(narrow.emplace_back(grad)));
  }
  ASSERT_LT(square_sum, 0x1p24);
  expect_same_in_every_thread_order([&] {
    Norm norm(tensors, 1);
    EXPECT_EQ(norm.square_sum(), square_sum);
    return joined({norm.total.bytes(), norm.clip_scale.bytes()});
  });
}

TEST(GlobalNorm, small_gradients_are_not_clipped) {
  DeviceArray<float> grad(Values{3, 4});
  EXPECT_EQ(Norm({tensor_of(grad)}, 6).scale(), 1);
  EXPECT_EQ(Norm({tensor_of(grad)}, std::numeric_limits<double>::infinity()).scale(), 1);
  EXPECT_EQ(Norm({}, 6).square_sum(), 0);
}

TEST(GlobalNorm, nan_and_infinity_are_not_hidden) {
  Values values = random_values(1000, 1);
  values[777] = std::nan("");
  DeviceArray<float> with_nan(values);
  Norm nan({tensor_of(with_nan)}, 1);
  EXPECT_TRUE(std::isnan(nan.value()) && std::isnan(nan.scale()));
  EXPECT_TRUE(std::isnan(clip_factor_ref(std::nan(""), 1)));
  values[777] = std::numeric_limits<double>::infinity();
  DeviceArray<float> with_infinity(values);
  Norm infinite({tensor_of(with_infinity)}, 1);
  EXPECT_TRUE(std::isinf(infinite.value()));
  EXPECT_EQ(infinite.scale(), 0);
}

TEST(GlobalNorm, moves_each_byte_once) {
  VGGROOVE_SKIP_UNLESS_COUNTING();
  DeviceArray<float> wide(random_values(32768, 1));
  DeviceArray<BFloat16> narrow(random_values(16384, 1));
  const simt::LaunchRecorder recorder;
  const Norm norm({tensor_of(wide), tensor_of(narrow)}, 1);
  ASSERT_EQ(recorder.launches().size(), 3);
  testing::expect_traffic(recorder.launches()[0], {32768 * 4 + 16384 * 2, 3 * 4, 1.01});
}

}  // namespace
}  // namespace vggroove

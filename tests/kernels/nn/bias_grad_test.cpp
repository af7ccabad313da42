#include "kernels/nn/bias_grad.h"

#include <gtest/gtest.h>

#include <cmath>
#include <vector>

#include "tests/kernels/kernel_test.h"

namespace vggroove {
namespace {

using testing::DeviceArray;
using testing::expect_each_within;
using testing::expect_same_in_every_thread_order;
using testing::formula_integers;
using testing::joined;
using testing::random_values;
using Values = std::vector<double>;

struct Size {
  std::int64_t rows;
  int channels;
};
// One row, odd channels (read one by one), block edges, more rows than blocks may have partials.
const Size kSizes[] = {{1, 1}, {7, 10}, {127, 8}, {129, 264}, {384, 256}, {33000, 3}};

template <class T>
class BiasGrad : public ::testing::Test {};
using Types = ::testing::Types<float, BFloat16>;
TYPED_TEST_SUITE(BiasGrad, Types);

TYPED_TEST(BiasGrad, integers_sum_exactly) {
  for (const Size& size : kSizes) {
    const std::int64_t rows = size.rows;
    const int channels = size.channels;
    SCOPED_TRACE(::testing::Message() << rows << " x " << channels);
    const Values grad = formula_integers(rows * channels, 3, 5, 101);
    Values expected(channels);
    bias_grad_ref(expected.data(), grad.data(), rows, channels);
    expect_same_in_every_thread_order([&] {
      DeviceArray<TypeParam> grad_device(grad);
      DeviceArray<float> grad_bias(channels), workspace(bias_grad_workspace_floats(rows, channels));
      bias_grad(nullptr, grad_bias.data(), grad_device.data(), workspace.data(), rows, channels);
      EXPECT_EQ(grad_bias.values(), expected);
      return grad_bias.bytes();
    });
  }
}

TYPED_TEST(BiasGrad, relu_masks_and_sums_integers_exactly) {
  for (const Size& size : kSizes) {
    const std::int64_t rows = size.rows;
    const int channels = size.channels;
    SCOPED_TRACE(::testing::Message() << rows << " x " << channels);
    const Values grad_y = formula_integers(rows * channels, 3, 5, 101);
    const Values y = formula_integers(rows * channels, 7, 1, 3);  // -1, 0, 1
    Values grad_x(grad_y.size()), grad_bias(channels);
    relu_bias_bwd_ref(grad_x.data(), grad_bias.data(), grad_y.data(), y.data(), rows, channels);
    expect_same_in_every_thread_order([&] {
      DeviceArray<TypeParam> grad_y_device(grad_y), y_device(y), out(grad_y.size());
      DeviceArray<float> bias_out(channels), workspace(bias_grad_workspace_floats(rows, channels));
      relu_bias_bwd(nullptr, out.data(), bias_out.data(), grad_y_device.data(), y_device.data(),
                    workspace.data(), rows, channels);
      EXPECT_EQ(out.values(), grad_x);
      EXPECT_EQ(bias_out.values(), grad_bias);
      // In place.
      relu_bias_bwd(nullptr, grad_y_device.data(), bias_out.data(), grad_y_device.data(),
                    y_device.data(), workspace.data(), rows, channels);
      EXPECT_EQ(grad_y_device.values(), grad_x);
      EXPECT_EQ(bias_out.values(), grad_bias);
      return joined({out.bytes(), bias_out.bytes()});
    });
  }
}

TYPED_TEST(BiasGrad, matches_the_reference) {
  constexpr std::int64_t kRows = 1000;
  constexpr int kChannels = 72;
  DeviceArray<TypeParam> grad(random_values(kRows * kChannels, 1));
  DeviceArray<float> grad_bias(kChannels), workspace(bias_grad_workspace_floats(kRows, kChannels));
  bias_grad(nullptr, grad_bias.data(), grad.data(), workspace.data(), kRows, kChannels);
  Values expected(kChannels), sizes(kChannels), magnitudes = grad.values();
  for (double& magnitude : magnitudes) {
    magnitude = std::abs(magnitude);
  }
  bias_grad_ref(expected.data(), grad.values().data(), kRows, kChannels);
  bias_grad_ref(sizes.data(), magnitudes.data(), kRows, kChannels);
  // 16 rows of a lane, 8 lanes, 1 and 8 partials: 33 sums.
  expect_each_within(
      grad_bias.values(), expected, [&](std::size_t i) { return 33 * 0x1p-24 * sizes[i]; },
      "grad_bias");
}

TYPED_TEST(BiasGrad, relu_lets_the_gradient_of_nan_through) {
  DeviceArray<TypeParam> grad_y(Values{1, 2, 3}), y(Values{std::nan(""), 0, -1}), grad_x(3);
  DeviceArray<float> grad_bias(3), workspace(bias_grad_workspace_floats(1, 3));
  relu_bias_bwd(nullptr, grad_x.data(), grad_bias.data(), grad_y.data(), y.data(), workspace.data(),
                1, 3);
  EXPECT_EQ(grad_x.values(), (Values{1, 0, 0}));
}

TYPED_TEST(BiasGrad, no_rows_sum_to_zero) {
  DeviceArray<float> grad_bias(5), workspace(0);
  bias_grad<TypeParam>(nullptr, grad_bias.data(), nullptr, workspace.data(), 0, 5);
  EXPECT_EQ(grad_bias.values(), Values(5));
}

TYPED_TEST(BiasGrad, moves_each_byte_once) {
  VGGROOVE_SKIP_UNLESS_COUNTING();
  constexpr std::int64_t kRows = 512;
  constexpr int kChannels = 256;
  constexpr std::int64_t kBytes = kRows * kChannels * sizeof(TypeParam);
  const Values values = formula_integers(kRows * kChannels, 3, 5, 101);
  DeviceArray<TypeParam> grad_y(values), y(values), grad_x(values.size());
  DeviceArray<float> grad_bias(kChannels), workspace(bias_grad_workspace_floats(kRows, kChannels));
  const auto partial_bytes = static_cast<std::int64_t>(4 * workspace.size());
  const simt::LaunchRecorder recorder;
  bias_grad(nullptr, grad_bias.data(), grad_y.data(), workspace.data(), kRows, kChannels);
  relu_bias_bwd(nullptr, grad_x.data(), grad_bias.data(), grad_y.data(), y.data(), workspace.data(),
                kRows, kChannels);
  const auto& launches = recorder.launches();
  ASSERT_EQ(launches.size(), 4);
  testing::expect_traffic(launches[0], {kBytes, partial_bytes, 1.02});
  testing::expect_traffic(launches[1], {partial_bytes, 4 * kChannels, 1});
  testing::expect_traffic(launches[2], {2 * kBytes, kBytes + partial_bytes, 1.02});
}

}  // namespace
}  // namespace vggroove

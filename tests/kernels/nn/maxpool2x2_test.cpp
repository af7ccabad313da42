#include "kernels/nn/maxpool2x2.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <vector>

#include "kernels/nn/pool_codes.h"
#include "tests/kernels/kernel_test.h"
#include "tests/kernels/nn/golden_nn.h"
#include "tests/support/expect_error.h"

namespace vggroove {
namespace {

using testing::DeviceArray;
using testing::expect_each_within;
using testing::expect_same_in_every_thread_order;
using testing::formula_integers;
using testing::golden_nn;
using testing::joined;
using testing::kRounding;
using testing::random_values;
using Values = std::vector<double>;

struct Inputs {
  Values x, bias, grad_y;
  static Inputs integers(const Pool2x2Shape& shape) {  // those of the golden file
    return {formula_integers(shape.input_size(), 13, 3, 7),
            formula_integers(shape.channels, 1, 1, 3),
            formula_integers(shape.pooled_size(), 7, 5, 9)};
  }
};

struct Reference {
  Values y, grad_x, grad_bias;
  std::vector<std::uint8_t> codes;

  Reference(const Inputs& in, const Pool2x2Shape& shape)
      : y(shape.pooled_size()),
        grad_x(shape.input_size()),
        grad_bias(shape.channels),
        codes(pool_code_bytes(shape.pooled_size())) {
    maxpool2x2_ref(y.data(), codes.data(), in.x.data(), in.bias.data(), shape);
    maxpool2x2_bwd_ref(grad_x.data(), grad_bias.data(), in.grad_y.data(), codes.data(), shape);
  }
};

template <class T>
struct Kernels {
  DeviceArray<T> y, grad_x;
  DeviceArray<float> grad_bias;
  DeviceArray<std::uint8_t> codes;

  Kernels(const Inputs& in, const Pool2x2Shape& shape)
      : y(shape.pooled_size()),
        grad_x(shape.input_size()),
        grad_bias(shape.channels),
        codes(pool_code_bytes(shape.pooled_size())) {
    DeviceArray<T> x(in.x), grad_y(in.grad_y);
    DeviceArray<float> bias(in.bias), workspace(maxpool2x2_bwd_workspace_floats<T>(shape));
    maxpool2x2(nullptr, y.data(), codes.data(), x.data(), bias.data(), shape);
    maxpool2x2_bwd(nullptr, grad_x.data(), grad_bias.data(), grad_y.data(), codes.data(),
                   workspace.data(), shape);
  }
};

// Channels that fill half a warp's lanes, all, more than one block's and an uneven part; windows
// fewer than a block's pixels and more than one block's; the network's last pool.
const Pool2x2Shape kShapes[] = {{1, 2, 2, 8},    {3, 4, 6, 24},   {2, 6, 2, 40},
                                {1, 2, 66, 128}, {2, 12, 8, 512}, {1, 2, 2, 264}};

TEST(MaxPool2x2Ref, is_pytorch_on_integers) {
  const auto golden = golden_nn("maxpool2x2");
  const Pool2x2Shape shape = {golden["shape"][0], golden["shape"][1], golden["shape"][2],
                              golden["shape"][3]};
  const Reference reference(Inputs::integers(shape), shape);
  EXPECT_EQ(reference.y, golden["y"].get<Values>());
  EXPECT_EQ(reference.grad_x, golden["grad_x"].get<Values>());
  EXPECT_EQ(reference.grad_bias, golden["grad_bias"].get<Values>());
}

// Values 1/64 apart and away from 0, so that a step of 2^-10 meets no kink: y is linear.
TEST(MaxPool2x2Ref, gradients_are_difference_quotients) {
  const Pool2x2Shape shape = {1, 2, 4, 8};
  Inputs in = Inputs::integers(shape);
  for (std::size_t i = 0; i < in.x.size(); ++i) {
    in.x[i] = (static_cast<double>(i * 37 % 64) - 31.5) / 64;
  }
  const Reference reference(in, shape);
  constexpr double kStep = 0x1p-10;
  const auto loss = [&](const Inputs& inputs) {
    const Reference moved(inputs, shape);
    double sum = 0;
    for (std::size_t i = 0; i < moved.y.size(); ++i) {
      sum += in.grad_y[i] * moved.y[i];
    }
    return sum;
  };
  const auto quotient = [&](Values Inputs::*values, std::size_t i) {
    Inputs low = in, high = in;
    (low.*values)[i] -= kStep;
    (high.*values)[i] += kStep;
    return (loss(high) - loss(low)) / (2 * kStep);
  };
  for (std::size_t i = 0; i < in.x.size(); ++i) {
    ASSERT_EQ(quotient(&Inputs::x, i), reference.grad_x[i]) << i;  // exact: few bits
  }
  for (std::size_t i = 0; i < in.bias.size(); ++i) {
    ASSERT_EQ(quotient(&Inputs::bias, i), reference.grad_bias[i]) << i;
  }
}

template <class T>
class MaxPool2x2 : public ::testing::Test {};
using Types = ::testing::Types<float, BFloat16>;
TYPED_TEST_SUITE(MaxPool2x2, Types);

TYPED_TEST(MaxPool2x2, is_the_reference_on_integers) {
  for (const Pool2x2Shape& shape : kShapes) {
    SCOPED_TRACE(::testing::Message()
                 << shape.height << " x " << shape.width << " x " << shape.channels);
    const Inputs in = Inputs::integers(shape);
    const Reference reference(in, shape);
    expect_same_in_every_thread_order([&] {
      Kernels<TypeParam> kernels(in, shape);
      EXPECT_EQ(kernels.y.values(), reference.y);
      EXPECT_EQ(kernels.codes.bytes(), reference.codes);
      EXPECT_EQ(kernels.grad_x.values(), reference.grad_x);
      EXPECT_EQ(kernels.grad_bias.values(), reference.grad_bias);
      return joined({kernels.y.bytes(), kernels.grad_x.bytes(), kernels.grad_bias.bytes()});
    });
  }
}

TYPED_TEST(MaxPool2x2, matches_the_reference_on_real_numbers) {
  const Pool2x2Shape shape = {2, 24, 16, 32};
  Inputs in = {random_values(shape.input_size(), 1), random_values(shape.channels, 2),
               random_values(shape.pooled_size(), 3)};
  in.x = DeviceArray<TypeParam>(in.x).values();
  in.grad_y = DeviceArray<TypeParam>(in.grad_y).values();
  Kernels<TypeParam> kernels(in, shape);
  const Reference reference(in, shape);
  // The sum with the bias rounds in fp32 (below 2), the result to T.
  expect_each_within(
      kernels.y.values(), reference.y,
      [&](std::size_t i) { return 2 * 0x1p-24 + kRounding<TypeParam> * reference.y[i]; }, "y");
  // From the kernel's own codes, since the bias can round two values to the same.
  Values grad_x(shape.input_size()), grad_bias(shape.channels);
  maxpool2x2_bwd_ref(grad_x.data(), grad_bias.data(), in.grad_y.data(), kernels.codes.data(),
                     shape);
  EXPECT_EQ(kernels.grad_x.values(), grad_x);
  // 8 pixels of a lane, at most 256 lanes, 1 and 8 partials of a sum of at most 192 terms below 1.
  expect_each_within(
      kernels.grad_bias.values(), grad_bias, [](std::size_t) { return 192 * 192 * 0x1p-24; },
      "grad_bias");
}

TYPED_TEST(MaxPool2x2, works_without_bias_and_without_codes) {
  const Pool2x2Shape shape = {1, 4, 4, 16};
  Inputs in = Inputs::integers(shape);
  std::fill(in.bias.begin(), in.bias.end(), 0.0);
  DeviceArray<TypeParam> x(in.x), y(shape.pooled_size());
  maxpool2x2<TypeParam>(nullptr, y.data(), nullptr, x.data(), nullptr, shape);
  EXPECT_EQ(y.values(), Reference(in, shape).y);
}

// A window with NaN gives NaN, and the gradient goes to (the last) NaN: as in PyTorch.
TYPED_TEST(MaxPool2x2, nan_is_not_hidden_by_the_maximum) {
  const Pool2x2Shape shape = {1, 2, 2, 8};
  for (int position = 0; position < 4; ++position) {
    Inputs in = {Values(32, 1.0), Values(8), Values(8, 1.0)};
    in.x[position * 8 + 3] = std::nan("");
    Kernels<TypeParam> kernels(in, shape);
    const Values y = kernels.y.values(), grad_x = kernels.grad_x.values();
    for (int c = 0; c < 8; ++c) {
      EXPECT_EQ(std::isnan(y[c]), c == 3);
    }
    EXPECT_EQ(grad_x[position * 8 + 3], 1);
  }
}

TYPED_TEST(MaxPool2x2, no_examples_are_no_work_and_a_zero_gradient) {
  const Pool2x2Shape shape = {0, 4, 4, 16};
  Kernels<TypeParam> kernels({{}, Values(16), {}}, shape);
  EXPECT_EQ(kernels.grad_bias.values(), Values(16));
}

TYPED_TEST(MaxPool2x2, refuses_odd_extents_and_channels) {
  for (const Pool2x2Shape& shape :
       {Pool2x2Shape{1, 3, 2, 8}, {1, 2, 5, 8}, {1, 2, 2, 12}, {1, 2, 2, 0}}) {
    testing::expect_error(ErrorClass::kUsage, "must be even", [&] {
      maxpool2x2<TypeParam>(nullptr, nullptr, nullptr, nullptr, nullptr, shape);
    });
  }
}

TYPED_TEST(MaxPool2x2, moves_each_byte_once) {
  VGGROOVE_SKIP_UNLESS_COUNTING();
  const Pool2x2Shape shape = {2, 24, 16, 128};
  constexpr std::int64_t kSize = sizeof(TypeParam);
  const simt::LaunchRecorder recorder;
  const Kernels<TypeParam> kernels(Inputs::integers(shape), shape);
  const auto& launches = recorder.launches();
  ASSERT_EQ(launches.size(), 3);
  const std::int64_t pooled = shape.pooled_size(), codes = pool_code_bytes(pooled);
  testing::expect_traffic(launches[0], {kSize * shape.input_size(), kSize * pooled + codes});
  testing::expect_traffic(
      launches[1],
      {kSize * pooled + codes,
       kSize * shape.input_size() + 4 * maxpool2x2_bwd_workspace_floats<TypeParam>(shape), 1.02});
}

}  // namespace
}  // namespace vggroove

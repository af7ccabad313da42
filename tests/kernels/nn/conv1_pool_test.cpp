#include "kernels/nn/conv1_pool.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <vector>

#include "kernels/nn/pool_codes.h"
#include "tests/kernels/kernel_test.h"
#include "tests/kernels/nn/golden_nn.h"

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
using Shape = Conv1PoolShape;
using Values = std::vector<double>;

constexpr int kWeights = Shape::kTaps * Shape::kChannels;

struct Inputs {
  Values x, weight, bias, grad_y;

  // The integers of the golden file: every sum is exact in fp32 and every output in bf16.
  static Inputs golden(std::int64_t n) {
    return {formula_integers(n * Shape::kInputSize, 31, 7, 7), formula_integers(kWeights, 3, 5, 7),
            formula_integers(Shape::kChannels, 1, 2, 5),
            formula_integers(n * Shape::kPooledSize, 17, 5, 9)};
  }
  static Inputs random(std::int64_t n) {
    return {random_values(n * Shape::kInputSize, 1), random_values(kWeights, 2),
            random_values(Shape::kChannels, 3), random_values(n * Shape::kPooledSize, 4)};
  }
};

template <class T>
struct Outputs {
  explicit Outputs(std::int64_t n)
      : y(n * Shape::kPooledSize),
        codes(pool_code_bytes(n * Shape::kPooledSize)),
        grad_weight(kWeights),
        grad_bias(Shape::kChannels) {}
  DeviceArray<T> y;
  DeviceArray<std::uint8_t> codes;
  DeviceArray<float> grad_weight, grad_bias;
};

template <class T>
void forward(Outputs<T>& out, const Inputs& in, std::int64_t n) {
  DeviceArray<float> x(in.x), weight(in.weight), bias(in.bias);
  conv1_pool(nullptr, out.y.data(), out.codes.data(), x.data(), weight.data(), bias.data(), n);
}

template <class T>
void backward(Outputs<T>& out, const Inputs& in, std::int64_t n) {
  DeviceArray<float> x(in.x), workspace(conv1_pool_bwd_workspace_floats(n));
  DeviceArray<T> grad_y(in.grad_y);
  conv1_pool_bwd(nullptr, out.grad_weight.data(), out.grad_bias.data(), grad_y.data(),
                 out.codes.data(), x.data(), workspace.data(), n);
}

// Sums of y [n, 48, 32, 64] over channels and over pixels: a pixel or channel out of place shows.
Values sums_over_channels(const Values& y) {
  Values sums(y.size() / Shape::kChannels);
  for (std::size_t i = 0; i < y.size(); ++i) {
    sums[i / Shape::kChannels] += y[i];
  }
  return sums;
}
Values sums_over_pixels(const Values& y) {
  Values sums(y.size() / Shape::kPooledSize * Shape::kChannels);
  for (std::size_t i = 0; i < y.size(); ++i) {
    sums[i / Shape::kPooledSize * Shape::kChannels + i % Shape::kChannels] += y[i];
  }
  return sums;
}

TEST(Conv1PoolRef, is_pytorch_on_integers) {
  const auto golden = golden_nn("conv1_pool");
  const std::int64_t n = golden["examples"];
  const Inputs in = Inputs::golden(n);
  Values y(n * Shape::kPooledSize), grad_weight(kWeights), grad_bias(Shape::kChannels);
  std::vector<std::uint8_t> codes(pool_code_bytes(n * Shape::kPooledSize));
  conv1_pool_ref(y.data(), codes.data(), in.x.data(), in.weight.data(), in.bias.data(), n);
  conv1_pool_bwd_ref(grad_weight.data(), grad_bias.data(), in.grad_y.data(), codes.data(),
                     in.x.data(), n);
  EXPECT_EQ(sums_over_channels(y), golden["y_sums_over_channels"].get<Values>());
  EXPECT_EQ(sums_over_pixels(y), golden["y_sums_over_pixels"].get<Values>());
  EXPECT_EQ(grad_weight, golden["grad_weight"].get<Values>());
  EXPECT_EQ(grad_bias, golden["grad_bias"].get<Values>());
}

// y is linear in each parameter where no window changes its argmax or its ReLU, so the difference
// quotient is exact there; the other windows get no gradient. A tap moves in all channels at once:
// channels do not see each other.
TEST(Conv1PoolRef, gradients_are_difference_quotients) {
  const Inputs in = Inputs::random(1);
  constexpr double kStep = 0x1p-12;
  for (int tap = 0; tap <= Shape::kTaps; ++tap) {
    Values y[2], grad_y = in.grad_y;
    std::vector<std::uint8_t> codes[2];
    for (int side = 0; side < 2; ++side) {
      Values weight = in.weight, bias = in.bias;
      double* moved = tap < Shape::kTaps ? &weight[tap * Shape::kChannels] : bias.data();
      for (int c = 0; c < Shape::kChannels; ++c) {
        moved[c] += side == 0 ? -kStep : kStep;
      }
      y[side].resize(Shape::kPooledSize);
      codes[side].resize(pool_code_bytes(Shape::kPooledSize));
      conv1_pool_ref(y[side].data(), codes[side].data(), in.x.data(), weight.data(), bias.data(),
                     1);
    }
    int num_smooth = 0;
    Values quotient(Shape::kChannels);
    for (std::int64_t i = 0; i < Shape::kPooledSize; ++i) {
      if (pool_code(codes[0].data(), i) != pool_code(codes[1].data(), i)) {
        grad_y[i] = 0;
        continue;
      }
      ++num_smooth;
      quotient[i % Shape::kChannels] += grad_y[i] * (y[1][i] - y[0][i]) / (2 * kStep);
    }
    EXPECT_GT(num_smooth, Shape::kPooledSize * 0.99);
    Values grad_weight(kWeights), grad_bias(Shape::kChannels);
    conv1_pool_bwd_ref(grad_weight.data(), grad_bias.data(), grad_y.data(), codes[0].data(),
                       in.x.data(), 1);
    const double* grad =
        tap < Shape::kTaps ? &grad_weight[tap * Shape::kChannels] : grad_bias.data();
    // Each of 1536 quotients is off by the rounding of y (below 16) over the step.
    expect_each_within(
        quotient, std::span(grad, Shape::kChannels),
        [](std::size_t) { return 1536 * 16 * 0x1p-52 / kStep; }, "grad");
  }
}

// More strips than the backward pass has blocks: some blocks take two.
TEST(Conv1PoolBackward, is_exact_on_45_examples) {
  constexpr std::int64_t n = 45;
  const Inputs in = Inputs::golden(n);
  Outputs<float> out(n);
  std::uint64_t state = 5;
  for (std::uint8_t& two_codes : out.codes.span()) {
    state = state * 6364136223846793005U + 1442695040888963407U;
    two_codes = static_cast<std::uint8_t>(state >> 56) & 0x77;
  }
  backward(out, in, n);
  Values grad_weight(kWeights), grad_bias(Shape::kChannels);
  conv1_pool_bwd_ref(grad_weight.data(), grad_bias.data(), in.grad_y.data(), out.codes.data(),
                     in.x.data(), n);
  EXPECT_EQ(out.grad_weight.values(), grad_weight);
  EXPECT_EQ(out.grad_bias.values(), grad_bias);
}

template <class T>
class Conv1Pool : public ::testing::Test {};
using Types = ::testing::Types<float, BFloat16>;
TYPED_TEST_SUITE(Conv1Pool, Types);

TYPED_TEST(Conv1Pool, is_pytorch_on_integers) {
  const auto golden = golden_nn("conv1_pool");
  const std::int64_t n = golden["examples"];
  const Inputs in = Inputs::golden(n);
  expect_same_in_every_thread_order([&] {
    Outputs<TypeParam> out(n);
    forward(out, in, n);
    backward(out, in, n);
    EXPECT_EQ(sums_over_channels(out.y.values()), golden["y_sums_over_channels"].get<Values>());
    EXPECT_EQ(sums_over_pixels(out.y.values()), golden["y_sums_over_pixels"].get<Values>());
    EXPECT_EQ(out.grad_weight.values(), golden["grad_weight"].get<Values>());
    EXPECT_EQ(out.grad_bias.values(), golden["grad_bias"].get<Values>());
    return joined({out.y.bytes(), out.codes.bytes(), out.grad_weight.bytes()});
  });
}

TYPED_TEST(Conv1Pool, matches_the_reference_on_three_examples) {
  constexpr std::int64_t n = 3;
  Inputs in = Inputs::random(n);
  in.grad_y = DeviceArray<TypeParam>(in.grad_y).values();
  Values y(n * Shape::kPooledSize);
  std::vector<std::uint8_t> codes(pool_code_bytes(n * Shape::kPooledSize));
  conv1_pool_ref(y.data(), codes.data(), in.x.data(), in.weight.data(), in.bias.data(), n);

  Outputs<TypeParam> out(n);
  forward(out, in, n);
  // Nine products and nine sums of at most 10, each rounded to fp32; then to T.
  expect_each_within(
      out.y.values(), y,
      [&](std::size_t i) { return 18 * 10 * 0x1p-24 + kRounding<TypeParam> * y[i]; }, "y");

  // From the kernel's own codes: nearly equal values may be ordered otherwise in double.
  backward(out, in, n);
  Values grad_weight(kWeights), grad_bias(Shape::kChannels);
  conv1_pool_bwd_ref(grad_weight.data(), grad_bias.data(), in.grad_y.data(), out.codes.data(),
                     in.x.data(), n);
  // The sums of the terms' sizes.
  Inputs sizes = in;
  for (Values* values : {&sizes.x, &sizes.grad_y}) {
    std::transform(values->begin(), values->end(), values->begin(),
                   [](double value) { return std::abs(value); });
  }
  Values weight_sizes(kWeights), bias_sizes(Shape::kChannels);
  conv1_pool_bwd_ref(weight_sizes.data(), bias_sizes.data(), sizes.grad_y.data(), out.codes.data(),
                     sizes.x.data(), n);
  // No value takes part in more than 16 (pixels) + 1 (lanes) + 8 (warps) + 3 + 8 (partials) sums
  // and one product; each rounds by 2^-24 of at most the sum of the terms' sizes.
  constexpr double kRoundings = 37 * 0x1p-24;
  expect_each_within(
      out.grad_weight.values(), grad_weight,
      [&](std::size_t i) { return kRoundings * weight_sizes[i]; }, "grad_weight");
  expect_each_within(
      out.grad_bias.values(), grad_bias, [&](std::size_t i) { return kRoundings * bias_sizes[i]; },
      "grad_bias");
}

TYPED_TEST(Conv1Pool, inference_gives_the_same_bits_without_codes) {
  const Inputs in = Inputs::random(1);
  Outputs<TypeParam> training(1);
  forward(training, in, 1);
  DeviceArray<float> x(in.x), weight(in.weight), bias(in.bias);
  DeviceArray<TypeParam> y(Shape::kPooledSize);
  conv1_pool(nullptr, y.data(), nullptr, x.data(), weight.data(), bias.data(), 1);
  EXPECT_EQ(y.bytes(), training.y.bytes());
}

TYPED_TEST(Conv1Pool, nan_is_not_hidden_by_the_maximum) {
  Inputs in = Inputs::random(1);
  in.x[10 * Shape::kWidth + 20] = std::nan("");
  Outputs<TypeParam> out(1);
  forward(out, in, 1);
  const Values y = out.y.values();
  // The pixel reaches rows 9 to 11 and columns 19 to 21: pooled rows 4 and 5, columns 9 and 10.
  for (int i = 0; i < Shape::kPooledSize; ++i) {
    const int row = i / (Shape::kPooledWidth * Shape::kChannels);
    const int column = i / Shape::kChannels % Shape::kPooledWidth;
    const bool reached = (row == 4 || row == 5) && (column == 9 || column == 10);
    ASSERT_EQ(std::isnan(y[i]), reached) << row << " " << column;
  }
}

TYPED_TEST(Conv1Pool, no_examples_are_no_work_and_zero_gradients) {
  Outputs<TypeParam> out(0);
  const Inputs in = Inputs::random(0);
  forward(out, in, 0);
  backward(out, in, 0);
  EXPECT_EQ(out.grad_weight.values(), Values(kWeights));
  EXPECT_EQ(out.grad_bias.values(), Values(Shape::kChannels));
}

// Besides x, y and codes: the parameters once a strip, and two halo rows of 16 again.
TYPED_TEST(Conv1Pool, moves_each_byte_once) {
  VGGROOVE_SKIP_UNLESS_COUNTING();
  constexpr std::int64_t n = 2, kPooled = n * Shape::kPooledSize;
  const Inputs in = Inputs::golden(n);
  Outputs<TypeParam> out(n);
  const simt::LaunchRecorder recorder;
  forward(out, in, n);
  backward(out, in, n);
  ASSERT_EQ(recorder.launches().size(), 4);
  constexpr std::int64_t kParameterBytes = 4 * (kWeights + Shape::kChannels);
  constexpr std::int64_t kStrips = 6 * n;
  const auto pooled_bytes = static_cast<std::int64_t>(kPooled * sizeof(TypeParam));
  testing::expect_traffic(recorder.launches()[0],
                          {.read_bytes = 4 * n * Shape::kInputSize + kStrips * kParameterBytes,
                           .written_bytes = pooled_bytes + pool_code_bytes(kPooled)});
  testing::expect_traffic(
      recorder.launches()[1],
      {.read_bytes = 4 * n * Shape::kInputSize + pooled_bytes + pool_code_bytes(kPooled),
       .written_bytes = kStrips * kParameterBytes});
}

}  // namespace
}  // namespace vggroove

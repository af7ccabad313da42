#include "kernels/nn/softmax_xent.h"

#include <gtest/gtest.h>

#include <cmath>
#include <vector>

#include "tests/kernels/kernel_test.h"
#include "tests/kernels/nn/golden_nn.h"
#include "tests/support/expect_error.h"

namespace vggroove {
namespace {

using testing::DeviceArray;
using testing::expect_each_within;
using testing::expect_same_in_every_thread_order;
using testing::golden_nn;
using testing::joined;
using testing::random_values;
using Values = std::vector<double>;

struct Case {
  SoftmaxXentShape shape;
  Values logits, weights;  // weights: empty for none
  std::vector<std::int32_t> labels;
  double smoothing = 0;

  const double* weights_or_null() const { return weights.empty() ? nullptr : weights.data(); }
};

struct Result {
  double loss = 0;
  Values row_loss, grad_logits;
};

Result reference(const Case& c) {
  Result result = {0, Values(c.shape.rows), Values(c.shape.rows * c.shape.classes)};
  result.loss = softmax_xent_ref(result.row_loss.data(), result.grad_logits.data(), c.logits.data(),
                                 c.labels.data(), c.weights_or_null(), c.smoothing, c.shape);
  return result;
}

Result kernels(const Case& c, std::vector<std::uint8_t>* bytes = nullptr) {
  DeviceArray<float> logits(c.logits), weights(c.weights), loss(1), weight_sum(1),
      row_loss(c.shape.rows), grad_logits(c.logits.size());
  DeviceArray<std::int32_t> labels(Values(c.labels.begin(), c.labels.end()));
  softmax_xent(nullptr, loss.data(), row_loss.data(), grad_logits.data(), weight_sum.data(),
               logits.data(), labels.data(), c.weights.empty() ? nullptr : weights.data(),
               static_cast<float>(c.smoothing), c.shape);
  if (bytes != nullptr) {
    *bytes = joined({loss.bytes(), row_loss.bytes(), grad_logits.bytes()});
  }
  return {loss.values()[0], row_loss.values(), grad_logits.values()};
}

std::vector<Case> golden_cases() {
  std::vector<Case> cases;
  for (const auto& golden : golden_nn("softmax_xent")) {
    cases.push_back({{golden["rows"], golden["classes"]},
                     golden["logits"],
                     golden["weights"],
                     golden["labels"],
                     golden["smoothing"]});
  }
  return cases;
}

// fp32: a class's term is a product of numbers with a few roundings each (exponential and logarithm
// 2 ulp, subtraction of logits up to 12, smoothing, weight, sums over at most 1024 classes), so 64
// roundings of 2^-24 of the largest number that takes part: 24 for losses, 1 for gradients.
constexpr double kLossTolerance = 64 * 24 * 0x1p-24;
constexpr double kGradTolerance = 64 * 0x1p-24;

TEST(SoftmaxXent, reference_and_kernels_are_pytorch) {
  const auto goldens = golden_nn("softmax_xent");
  const std::vector<Case> cases = golden_cases();
  ASSERT_EQ(cases.size(), 5);
  for (std::size_t i = 0; i < cases.size(); ++i) {
    SCOPED_TRACE(i);
    const auto row_loss = goldens[i]["row_loss"].get<Values>();
    const auto grad = goldens[i]["grad_logits"].get<Values>();
    const auto check = [&](const Result& result, double loss_tolerance, double grad_tolerance) {
      EXPECT_TRUE(std::abs(result.loss - goldens[i]["loss"].get<double>()) <= loss_tolerance);
      expect_each_within(
          result.row_loss, row_loss, [&](std::size_t) { return loss_tolerance; }, "row_loss");
      expect_each_within(
          result.grad_logits, grad, [&](std::size_t) { return grad_tolerance; }, "grad_logits");
    };
    check(reference(cases[i]), 1e-14, 1e-15);
    expect_same_in_every_thread_order([&] {
      std::vector<std::uint8_t> bytes;
      check(kernels(cases[i], &bytes), kLossTolerance, kGradTolerance);
      return bytes;
    });
  }
}

TEST(SoftmaxXent, matches_the_reference_at_every_edge_of_warps_and_blocks) {
  for (const SoftmaxXentShape& shape :
       {SoftmaxXentShape{1, 1}, {8, 31}, {9, 32}, {257, 33}, {3, 527}, {2, 1023}, {2, 1024}}) {
    SCOPED_TRACE(::testing::Message() << shape.rows << " x " << shape.classes);
    Case c = {shape, random_values(shape.rows * shape.classes, 1), random_values(shape.classes, 2),
              std::vector<std::int32_t>(shape.rows), 0.125};
    for (double& logit : c.logits) {
      logit = static_cast<double>(static_cast<float>(4 * logit));
    }
    for (double& weight : c.weights) {
      weight = static_cast<double>(static_cast<float>(1.5 + weight));
    }
    for (std::int64_t row = 0; row < shape.rows; ++row) {
      c.labels[row] = static_cast<std::int32_t>(row * 7919 % shape.classes);
    }
    const Result expected = reference(c), actual = kernels(c);
    EXPECT_TRUE(std::abs(actual.loss - expected.loss) <= kLossTolerance);
    expect_each_within(
        actual.row_loss, expected.row_loss, [](std::size_t) { return kLossTolerance; }, "row_loss");
    expect_each_within(
        actual.grad_logits, expected.grad_logits, [](std::size_t) { return kGradTolerance; },
        "grad_logits");
  }
}

TEST(SoftmaxXentRef, gradient_is_the_difference_quotient) {
  const Case c = golden_cases()[2];  // weighted and smoothed
  const Result result = reference(c);
  constexpr double kStep = 1e-5;
  for (std::size_t i = 0; i < c.logits.size(); ++i) {
    Case low = c, high = c;
    low.logits[i] -= kStep;
    high.logits[i] += kStep;
    const double quotient = (reference(high).loss - reference(low).loss) / (2 * kStep);
    // Third derivative (below 1) times step^2 / 6, and the loss's rounding (8 * 2^-52) over the
    // step.
    EXPECT_TRUE(std::abs(quotient - result.grad_logits[i]) <= 4e-10) << i;
  }
}

TEST(SoftmaxXent, large_logits_do_not_overflow) {
  const Case c = {{2, 3}, {1e30, 0, -1e30, -1e4, -1e4, -1e4}, {}, {0, 2}, 0};
  const Result result = kernels(c);
  EXPECT_EQ(result.row_loss[0], 0);
  EXPECT_TRUE(std::abs(result.row_loss[1] - std::log(3.0)) <= kLossTolerance);
}

TEST(SoftmaxXent, gradient_may_be_left_out) {
  const Case c = golden_cases()[0];
  DeviceArray<float> logits(c.logits), loss(1), weight_sum(1), row_loss(c.shape.rows);
  DeviceArray<std::int32_t> labels(Values(c.labels.begin(), c.labels.end()));
  softmax_xent(nullptr, loss.data(), row_loss.data(), nullptr, weight_sum.data(), logits.data(),
               labels.data(), nullptr, 0, c.shape);
  EXPECT_EQ(loss.values()[0], kernels(c).loss);
  EXPECT_EQ(weight_sum.values()[0], static_cast<double>(c.shape.rows));
}

TEST(SoftmaxXent, impossible_label_makes_the_loss_nan) {
  Case c = golden_cases()[0];
  c.labels[4] = c.shape.classes;
  const Result result = kernels(c);
  EXPECT_TRUE(std::isnan(result.loss));
  for (std::size_t row = 0; row < result.row_loss.size(); ++row) {
    EXPECT_EQ(std::isnan(result.row_loss[row]), row == 4);
  }
}

TEST(SoftmaxXent, refuses_too_many_classes) {
  testing::expect_error(ErrorClass::kUsage, "1 to 1024 classes, not 1025", [] {
    softmax_xent(nullptr, nullptr, nullptr, nullptr, nullptr, nullptr, nullptr, nullptr, 0,
                 {1, 1025});
  });
}

TEST(SoftmaxXent, moves_each_byte_once) {
  VGGROOVE_SKIP_UNLESS_COUNTING();
  const Case c = {
      {8, 1024}, random_values(8 * 1024, 1), {}, std::vector<std::int32_t>(8, 5), 0.125};
  const simt::LaunchRecorder recorder;
  kernels(c);
  ASSERT_EQ(recorder.launches().size(), 3);
  testing::expect_traffic(recorder.launches()[1],
                          {.read_bytes = 8 * 1024 * 4, .written_bytes = 8 * (1024 + 1) * 4});
}

}  // namespace
}  // namespace vggroove

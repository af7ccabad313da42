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
  Values logits, targets;
};

struct Result {
  Values losses, grad_logits;
  double loss() const {
    double sum = 0;
    for (const double row : losses) {
      sum += row;
    }
    return sum;
  }
};

Result reference(const Case& c) {
  Result result = {Values(c.shape.rows), Values(c.shape.rows * c.shape.classes)};
  softmax_xent_ref(result.losses.data(), result.grad_logits.data(), c.logits.data(),
                   c.targets.data(), c.shape);
  return result;
}

template <class T = float>
Result kernels(const Case& c, std::vector<std::uint8_t>* bytes = nullptr) {
  DeviceArray<T> logits(c.logits), grad_logits(c.logits.size());
  DeviceArray<float> targets(c.targets), losses(c.shape.rows);
  softmax_xent(nullptr, losses.data(), grad_logits.data(), logits.data(), targets.data(), c.shape);
  softmax_xent(nullptr, losses.data(), logits.data(), logits.data(), targets.data(), c.shape);
  EXPECT_EQ(logits.bytes(), grad_logits.bytes());  // in place
  if (bytes != nullptr) {
    *bytes = joined({losses.bytes(), grad_logits.bytes()});
  }
  return {losses.values(), grad_logits.values()};
}

// PyTorch's labels, class weights, smoothing and mean, as targets; and the weights' sum.
struct GoldenCase {
  Case c;
  double weight_sum = 0;
};
std::vector<GoldenCase> golden_cases() {
  std::vector<GoldenCase> cases;
  for (const auto& golden : golden_nn("softmax_xent")) {
    const SoftmaxXentShape shape = {golden["rows"], golden["classes"]};
    const auto labels = golden["labels"].get<std::vector<int>>();
    Values weights = golden["weights"];
    weights.resize(shape.classes, 1);
    const double smoothing = golden["smoothing"];
    GoldenCase made = {{shape, golden["logits"], Values(shape.rows * shape.classes)}, 0};
    for (const int label : labels) {
      made.weight_sum += label < 0 ? 0 : weights[label];
    }
    for (std::size_t i = 0; i < made.c.targets.size(); ++i) {
      const int label = labels[i / shape.classes], c = static_cast<int>(i) % shape.classes;
      const double share = (label == c ? 1 - smoothing : 0) + smoothing / shape.classes;
      made.c.targets[i] = label < 0 ? 0 : weights[c] * share / made.weight_sum;
    }
    cases.push_back(made);
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
  const std::vector<GoldenCase> cases = golden_cases();
  ASSERT_EQ(cases.size(), 5);
  for (std::size_t i = 0; i < cases.size(); ++i) {
    SCOPED_TRACE(i);
    auto row_loss = goldens[i]["row_loss"].get<Values>();
    for (double& loss : row_loss) {
      loss /= cases[i].weight_sum;
    }
    const auto grad = goldens[i]["grad_logits"].get<Values>();
    const auto check = [&](const Result& result, double loss_tolerance, double grad_tolerance) {
      EXPECT_TRUE(std::abs(result.loss() - goldens[i]["loss"].get<double>()) <= loss_tolerance);
      expect_each_within(
          result.losses, row_loss, [&](std::size_t) { return loss_tolerance; }, "losses");
      expect_each_within(
          result.grad_logits, grad, [&](std::size_t) { return grad_tolerance; }, "grad_logits");
    };
    check(reference(cases[i].c), 1e-14, 1e-15);
    expect_same_in_every_thread_order([&] {
      std::vector<std::uint8_t> bytes;
      check(kernels(cases[i].c, &bytes), kLossTolerance, kGradTolerance);
      return bytes;
    });
  }
}

TEST(SoftmaxXent, matches_the_reference_at_every_edge_of_warps_and_blocks) {
  for (const SoftmaxXentShape& shape :
       {SoftmaxXentShape{1, 1}, {8, 31}, {9, 32}, {257, 33}, {3, 527}, {2, 1023}, {2, 1024}}) {
    SCOPED_TRACE(::testing::Message() << shape.rows << " x " << shape.classes);
    Case c = {shape, random_values(shape.rows * shape.classes, 1),
              random_values(shape.rows * shape.classes, 2)};
    for (std::size_t i = 0; i < c.logits.size(); ++i) {
      c.logits[i] = static_cast<double>(static_cast<float>(4 * c.logits[i]));
      // Some are 0, and a row's sum is at most 2.
      c.targets[i] =
          static_cast<double>(static_cast<float>(std::max(0.0, c.targets[i]) / shape.classes));
    }
    const Result expected = reference(c), actual = kernels(c);
    expect_each_within(
        actual.losses, expected.losses, [](std::size_t) { return kLossTolerance; }, "losses");
    expect_each_within(
        actual.grad_logits, expected.grad_logits, [](std::size_t) { return kGradTolerance; },
        "grad_logits");
  }
}

TEST(SoftmaxXent, only_gradients_are_rounded_with_bf16) {
  for (const SoftmaxXentShape& shape : {SoftmaxXentShape{9, 10}, {3, 527}}) {
    Case c = {shape, random_values(shape.rows * shape.classes, 1),
              Values(shape.rows * shape.classes, 1.0 / shape.classes)};
    c.logits = DeviceArray<BFloat16>(c.logits).values();
    const Result expected = reference(c);
    expect_same_in_every_thread_order([&] {
      std::vector<std::uint8_t> bytes;
      const Result actual = kernels<BFloat16>(c, &bytes);
      expect_each_within(
          actual.losses, expected.losses, [](std::size_t) { return kLossTolerance; }, "losses");
      expect_each_within(
          actual.grad_logits, expected.grad_logits,
          [&](std::size_t i) {
            return kGradTolerance +
                   testing::kRounding<BFloat16> * std::abs(expected.grad_logits[i]);
          },
          "grad_logits");
      return bytes;
    });
  }
}

TEST(SoftmaxXentRef, gradient_is_the_difference_quotient) {
  const Case c = golden_cases()[2].c;  // weighted and smoothed
  const Result result = reference(c);
  constexpr double kStep = 1e-5;
  for (std::size_t i = 0; i < c.logits.size(); ++i) {
    Case low = c, high = c;
    low.logits[i] -= kStep;
    high.logits[i] += kStep;
    const double quotient = (reference(high).loss() - reference(low).loss()) / (2 * kStep);
    // Third derivative (below 1) times step^2 / 6, and the loss's rounding (8 * 2^-52) over the
    // step.
    EXPECT_TRUE(std::abs(quotient - result.grad_logits[i]) <= 4e-10) << i;
  }
}

TEST(SoftmaxXent, large_logits_do_not_overflow) {
  const Result result = kernels({{2, 3}, {1e30, 0, -1e30, -1e4, -1e4, -1e4}, {1, 0, 0, 0, 0, 1}});
  EXPECT_EQ(result.losses[0], 0);
  EXPECT_TRUE(std::abs(result.losses[1] - std::log(3.0)) <= kLossTolerance);
}

TEST(SoftmaxXent, refuses_too_many_classes) {
  testing::expect_error(ErrorClass::kUsage, "1 to 1024 classes, not 1025", [] {
    softmax_xent<float>(nullptr, nullptr, nullptr, nullptr, nullptr, {1, 1025});
  });
}

TEST(SoftmaxXent, moves_each_byte_once) {
  VGGROOVE_SKIP_UNLESS_COUNTING();
  kernels({{8, 1024}, random_values(8 * 1024, 1), Values(8 * 1024, 0.125)});
  testing::expect_traffic(simt::last_launch(),
                          {.read_bytes = 2 * 8 * 1024 * 4, .written_bytes = 8 * (1024 + 1) * 4});
}

}  // namespace
}  // namespace vggroove

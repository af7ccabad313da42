#include "engine/heads/head_layers.h"

#include <gtest/gtest.h>

#include <cmath>
#include <fstream>
#include <limits>
#include <nlohmann/json.hpp>
#include <string>
#include <vector>

#include "engine/heads/dense_layer.h"
#include "tests/support/compare.h"

namespace vggroove {
namespace {

using testing::expect_within;
using testing::max_abs_difference;

const nlohmann::json& golden() {
  static const nlohmann::json json = [] {
    std::ifstream file(std::string(VGGROOVE_GOLDEN_DIR) + "/head/head.json");
    return nlohmann::json::parse(file);
  }();
  return json;
}

// One evaluation of a head of the golden file: forward, loss, backward.
template <class Real>
struct Evaluation {
  HeadShape shape;
  std::size_t n = 0;
  std::vector<Real> x, keep, parameters, logits, hidden, gradient;
  std::vector<int> labels;
  double smoothing = 0, loss = 0;

  explicit Evaluation(const nlohmann::json& given)
      : shape{given["inputs"], given["hidden"], given["classes"]},
        n(given["n"]),
        x(given["x"]),
        keep(given["keep"]),
        parameters(given["parameters"]),
        logits(n * shape.classes),
        hidden(n * shape.hidden),
        gradient(shape.num_parameters()),
        labels(given["labels"]),
        smoothing(given["smoothing"]) {}

  void forward() {
    head_logits(logits.data(), hidden.data(), x.data(), keep.data(),
                HeadParameters<const Real>::within(parameters.data(), shape), shape, n);
  }
  void loss_and_backward() {
    std::vector<Real> grad_logits(logits.size()), grad_hidden(hidden.size());
    loss = softmax_cross_entropy(grad_logits.data(), logits.data(), labels.data(), smoothing, n,
                                 shape.classes);
    head_logits_bwd(HeadParameters<Real>::within(gradient.data(), shape), grad_hidden.data(),
                    grad_logits.data(), hidden.data(), x.data(), keep.data(),
                    HeadParameters<const Real>::within(parameters.data(), shape), shape, n);
  }
};

// Sums have at most 20 terms of size up to about 10; `eps` times that many operations bounds them.
template <class Real>
void compare_with_pytorch() {
  const double tolerance = 400 * static_cast<double>(std::numeric_limits<Real>::epsilon());
  for (const nlohmann::json& expected : golden()["heads"]) {
    SCOPED_TRACE(expected["name"].get<std::string>());
    Evaluation<Real> actual(expected);
    ASSERT_EQ(actual.parameters.size(), actual.shape.num_parameters());
    actual.forward();
    const auto difference = [](const std::vector<Real>& a, const nlohmann::json& e) {
      return max_abs_difference<Real, double>(a, e.get<std::vector<double>>());
    };
    expect_within(difference(actual.logits, expected["logits"]), tolerance, "logits");
    actual.loss_and_backward();
    expect_within(std::abs(actual.loss - expected["loss"].get<double>()), tolerance, "loss");
    expect_within(difference(actual.gradient, expected["gradient"]), tolerance, "gradient");
    softmax(actual.logits.data(), actual.n, actual.shape.classes);
    expect_within(difference(actual.logits, expected["probabilities"]), tolerance, "softmax");
  }
}

TEST(HeadLayers, are_those_of_pytorch_in_fp32) {
  compare_with_pytorch<float>();
}

TEST(HeadLayers, are_those_of_pytorch_in_fp64) {
  compare_with_pytorch<double>();
}

TEST(HeadLayers, gradient_is_the_slope_of_the_loss) {
  // Central differences: error step^2 / 6 times the third derivative (of order 10), plus rounding
  // 1e-16 / step.
  constexpr double kStep = 1e-5, kTolerance = 1e-8;
  for (const nlohmann::json& given : golden()["heads"]) {
    SCOPED_TRACE(given["name"].get<std::string>());
    Evaluation<double> evaluation(given);
    evaluation.forward();
    evaluation.loss_and_backward();
    const std::vector<double> gradient = evaluation.gradient;
    const auto loss_at = [&](std::size_t parameter, double value) {
      const double kept = std::exchange(evaluation.parameters[parameter], value);
      evaluation.forward();
      evaluation.loss_and_backward();
      evaluation.parameters[parameter] = kept;
      return evaluation.loss;
    };
    for (std::size_t i = 0; i < gradient.size(); ++i) {
      const double at = evaluation.parameters[i];
      const double slope = (loss_at(i, at + kStep) - loss_at(i, at - kStep)) / (2 * kStep);
      expect_within(std::abs(slope - gradient[i]), kTolerance, "slope");
    }
  }
}

TEST(Dense, is_exact_on_small_integers_and_writes_only_its_output) {
  constexpr float kSentinel = -12345;
  constexpr std::size_t kMargin = 64;
  for (const std::size_t n : {1, 3, 4, 5, 33}) {
    for (const std::size_t in : {1, 2, 31, 128}) {
      for (const std::size_t out : {1, 10, 31, 32, 33, 100}) {
        std::vector<float> x(n * in), weights(in * out), biases(out);
        const auto fill = [](std::vector<float>& values, std::size_t factor) {
          for (std::size_t i = 0; i < values.size(); ++i) {
            values[i] = static_cast<float>(i * factor % 13) - 6;
          }
        };
        fill(x, 5);
        fill(weights, 7);
        fill(biases, 3);
        std::vector<float> y(n * out + 2 * kMargin, kSentinel);
        dense(y.data() + kMargin, x.data(), weights.data(), biases.data(), {n, in, out});
        for (std::size_t i = 0; i < kMargin; ++i) {
          ASSERT_EQ(y[i], kSentinel);
          ASSERT_EQ(y[kMargin + n * out + i], kSentinel);
        }
        for (std::size_t row = 0; row < n; ++row) {
          for (std::size_t o = 0; o < out; ++o) {
            float sum = biases[o];
            for (std::size_t i = 0; i < in; ++i) {
              sum += x[row * in + i] * weights[i * out + o];
            }
            ASSERT_EQ(y[kMargin + row * out + o], sum) << n << " x " << in << " x " << out;
          }
        }
      }
    }
  }
}

TEST(Dense, backward_is_exact_on_small_integers) {
  constexpr std::size_t kRows = 5, kIn = 3, kOut = 33;
  std::vector<double> x(kRows * kIn), weights(kIn * kOut), grad_y(kRows * kOut);
  for (std::size_t i = 0; i < grad_y.size(); ++i) {
    grad_y[i] = static_cast<double>(i % 7) - 3;
  }
  for (std::size_t i = 0; i < weights.size(); ++i) {
    weights[i] = static_cast<double>(i % 5) - 2;
  }
  for (std::size_t i = 0; i < x.size(); ++i) {
    x[i] = static_cast<double>(i % 3) - 1;
  }
  std::vector<double> grad_x(x.size()), grad_weights(weights.size()), grad_biases(kOut);
  dense_bwd(grad_x.data(), grad_weights.data(), grad_biases.data(), grad_y.data(), x.data(),
            weights.data(), {kRows, kIn, kOut});
  for (std::size_t i = 0; i < kIn; ++i) {
    for (std::size_t o = 0; o < kOut; ++o) {
      double weight_sum = 0, bias_sum = 0;
      for (std::size_t row = 0; row < kRows; ++row) {
        weight_sum += x[row * kIn + i] * grad_y[row * kOut + o];
        bias_sum += grad_y[row * kOut + o];
      }
      EXPECT_EQ(grad_weights[i * kOut + o], weight_sum);
      EXPECT_EQ(grad_biases[o], bias_sum);
    }
    for (std::size_t row = 0; row < kRows; ++row) {
      double sum = 0;
      for (std::size_t o = 0; o < kOut; ++o) {
        sum += grad_y[row * kOut + o] * weights[i * kOut + o];
      }
      EXPECT_EQ(grad_x[row * kIn + i], sum);
    }
  }
}

TEST(Softmax, holds_for_logits_of_any_size) {
  std::vector<float> values = {1000, 999, -1000, -1e30F, -1e30F, -1e30F};
  softmax(values.data(), 2, 3);
  expect_within(std::abs(values[0] - 1 / (1 + std::exp(-1.0))), 1e-6, "large logits");
  EXPECT_EQ(values[2], 0);
  expect_within(std::abs(values[4] - 1.0 / 3), 1e-6, "equal logits");
}

TEST(Relu, keeps_nan_visible) {
  std::vector<float> values = {-1, 2, std::numeric_limits<float>::quiet_NaN()};
  relu(values.data(), values.size());
  EXPECT_EQ(values[0], 0);
  EXPECT_EQ(values[1], 2);
  EXPECT_TRUE(std::isnan(values[2]));
}

}  // namespace
}  // namespace vggroove

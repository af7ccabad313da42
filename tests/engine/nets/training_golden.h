#pragma once

// PyTorch's autograd in float64 (tests/golden/training/make_golden.py) for networks in training, on
// whatever device.
#include <gtest/gtest.h>

#include <cmath>
#include <fstream>
#include <nlohmann/json.hpp>
#include <string>
#include <vector>

#include "engine/nets/vggish_training.h"
#include "tests/support/compare.h"

namespace vggroove::testing {

inline const nlohmann::json& golden(const char* name) {
  static const nlohmann::json json = [] {
    std::ifstream file(std::string(VGGROOVE_GOLDEN_DIR) + "/training/golden.json");
    return nlohmann::json::parse(file);
  }();
  return json.at(name);
}

// Values as the golden's script defines them.
inline double u(std::size_t i, std::size_t s) {
  return static_cast<double>((31 * i * i + 7919 * i + 104729 * s) % 8192);
}
template <class Real>
std::vector<Real> weights(std::size_t count, std::size_t fan_in, std::size_t s) {
  const double a = std::exp2(std::floor(std::log2(std::sqrt(24 / static_cast<double>(fan_in)))));
  std::vector<Real> values(count);
  for (std::size_t i = 0; i < count; ++i) {
    values[i] = static_cast<Real>((u(i, s) / 8192 - 0.5) * a);
  }
  return values;
}
template <class Real>
std::vector<Real> biases(std::size_t count, std::size_t s) {
  std::vector<Real> values(count);
  for (std::size_t i = 0; i < count; ++i) {
    values[i] = static_cast<Real>((u(i, s) / 8192 - 0.5) / 8);
  }
  return values;
}
template <class Real>
std::vector<Real> targets(std::size_t n, std::size_t classes) {
  constexpr double kSmoothing = 0.1;
  std::vector<Real> values(n * classes);
  for (std::size_t i = 0; i < n * classes; ++i) {
    const double hot = i % classes == i / classes % classes ? 1 - kSmoothing : 0;
    values[i] = static_cast<Real>((hot + kSmoothing / static_cast<double>(classes)) /
                                  static_cast<double>(n));
  }
  return values;
}

inline TrainingNet small_net() {
  return {.body = {{"conv1", Conv3x3Spec{8, 8, 1, 64, true}},
                   {"conv2", Conv3x3Spec{4, 4, 64, 64, false}},
                   {"conv3", Conv3x3Spec{4, 4, 64, 64, true}},
                   {"fc1", DenseSpec{256, 64, true}},
                   {"fc2", DenseSpec{64, 32, false}}},
          .num_hidden = 20,
          .num_classes = 3};
}
inline constexpr std::size_t kSmallBatch = 3;

template <class Real>
std::vector<Real> small_input() {
  std::vector<Real> values(kSmallBatch * 64);
  for (std::size_t i = 0; i < values.size(); ++i) {
    values[i] = static_cast<Real>(u(i, 0) / 1024 - 5);
  }
  return values;
}

template <class Real>
void set_standardisation(BasicVggishTraining<Real>& net) {
  std::vector<Real> mean(net.net().embedding_size()), scale(mean.size());
  for (std::size_t i = 0; i < mean.size(); ++i) {
    mean[i] = static_cast<Real>(u(i, 100) / 8192 - 0.5);
    scale[i] = static_cast<Real>(u(i, 101) / 8192 + 0.5);
  }
  net.set_standardisation(mean, scale);
}

// Parameters from `first` on as the golden's script defines them.
template <class Real>
void set_parameters(BasicVggishTraining<Real>& net, std::size_t first) {
  const auto layers = net.net().layers();
  for (std::size_t i = first; i < net.parameters().size(); ++i) {
    const TrainingParameter& parameter = net.parameters()[i];
    const auto& spec = layers[parameter.layer].spec;
    const auto* const conv = std::get_if<Conv3x3Spec>(&spec);
    const std::size_t fan_in = conv ? 9 * conv->in_channels : std::get<DenseSpec>(spec).inputs;
    net.to_device(i, net.parameter(i),
                  parameter.is_weights ? weights<Real>(parameter.count, fan_in, i)
                                       : biases<Real>(parameter.count, i));
  }
  set_standardisation(net);
}

template <class Real>
std::vector<Real> gradient_of(BasicVggishTraining<Real>& net, std::size_t i) {
  std::vector<Real> values(net.parameters()[i].count);
  net.to_host(i, values, net.gradient(i));
  return values;
}

// tolerance: of differences, relative to the gradient's norm.
template <class Real>
void expect_gradient(const std::vector<Real>& actual, const nlohmann::json& expected,
                     double tolerance) {
  const double norm = expected.at("norm");
  ASSERT_GT(norm, 0);
  double squares = 0, projections[4] = {};
  for (std::size_t i = 0; i < actual.size(); ++i) {
    const double g = actual[i];
    squares += g * g;
    const auto hashed = static_cast<std::uint32_t>(i * 2654435761U);
    for (int p = 0; p < 4; ++p) {
      projections[p] += (hashed >> (16 + p) & 1) != 0 ? g : -g;
    }
  }
  expect_within(std::abs(std::sqrt(squares) - norm) / norm, tolerance, "norm");
  for (std::size_t p = 0; p < 4; ++p) {
    // A difference with random signs projects to about its norm; three times that is rare.
    expect_within(std::abs(projections[p] - expected.at("projections")[p].get<double>()) / norm,
                  3 * tolerance, "projection");
  }
  for (std::size_t j = 0; j < 64; ++j) {
    const double entry = actual[2654435761U * j % actual.size()];
    expect_within(std::abs(entry - expected.at("entries")[j].get<double>()) / norm, tolerance,
                  "entry");
  }
}

template <class Real>
void expect_golden(BasicVggishTraining<Real>& net, const nlohmann::json& expected,
                   std::span<const Real> input, std::size_t n, double tolerance) {
  const std::size_t classes = net.net().num_classes;
  std::vector<Real> logits(n * classes), losses(n);
  net.forward(input, n, {}, logits);
  expect_within(relative_l2<Real, double>(logits, expected.at("logits").get<std::vector<double>>()),
                tolerance, "logits");
  net.backward(targets<Real>(n, classes), GradientMode::kOverwrite, losses);
  double loss = 0;
  for (const Real row : losses) {
    loss += row;
  }
  expect_within(std::abs(loss - expected.at("loss").get<double>()), tolerance, "loss");
  ASSERT_EQ(expected.at("gradients").size(), net.parameters().size());
  for (std::size_t i = 0; i < net.parameters().size(); ++i) {
    SCOPED_TRACE(net.parameters()[i].name);
    expect_gradient(gradient_of(net, i), expected.at("gradients")[i], tolerance);
  }
}

}  // namespace vggroove::testing

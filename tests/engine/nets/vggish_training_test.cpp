// The backward pass of the whole network: finite differences in double precision, PyTorch autograd
// in float64 (tests/golden/training), and the CPU backend against both.
#include "engine/nets/vggish_training.h"

#include <gtest/gtest.h>

#include <cmath>
#include <fstream>
#include <nlohmann/json.hpp>
#include <string>
#include <vector>

#include "engine/backends/cpu/cpu_training.h"
#include "engine/backends/reference_training.h"
#include "engine/device/parallel_for.h"
#include "tests/support/compare.h"
#include "tests/support/expect_error.h"
#include "weights/he_init.h"

namespace vggroove {
namespace {

using testing::expect_within;

const nlohmann::json& golden(const char* name) {
  static const nlohmann::json json = [] {
    std::ifstream file(std::string(VGGROOVE_GOLDEN_DIR) + "/training/golden.json");
    return nlohmann::json::parse(file);
  }();
  return json.at(name);
}

// Values as the golden's script defines them.
double u(std::size_t i, std::size_t s) {
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

TrainingNet small_net() {
  return {.body = {{"conv1", Conv3x3Spec{8, 8, 1, 64, true}},
                   {"conv2", Conv3x3Spec{4, 4, 64, 64, false}},
                   {"conv3", Conv3x3Spec{4, 4, 64, 64, true}},
                   {"fc1", DenseSpec{256, 64, true}},
                   {"fc2", DenseSpec{64, 32, false}}},
          .num_hidden = 20,
          .num_classes = 3};
}
constexpr std::size_t kSmallBatch = 3;

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
  expect_within(
      testing::relative_l2<Real, double>(logits, expected.at("logits").get<std::vector<double>>()),
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

TEST(VggishTraining, small_network_matches_pytorch_in_double_precision) {
  ReferenceTraining backend;
  BasicVggishTraining<double> net(backend, small_net(), kSmallBatch);
  set_parameters(net, 0);
  expect_golden<double>(net, golden("small"), small_input<double>(), kSmallBatch, 1e-12);
}

TEST(VggishTraining, small_network_matches_pytorch_on_the_cpu) {
  cpu::CpuTraining backend;
  VggishTraining net(backend, small_net(), kSmallBatch);
  set_parameters(net, 0);
  expect_golden<float>(net, golden("small"), small_input<float>(), kSmallBatch, 1e-5);
}

// 1.1 GB: the weights, their gradients and the activations. Nine layers forward and backward, each
// with Winograd's 1e-6; ReLUs and pools that decide otherwise add to that.
TEST(VggishTraining, whole_network_matches_pytorch_on_the_cpu) {
  constexpr std::size_t kBatch = 2;
  constexpr std::uint64_t kSeed = 7;
  cpu::CpuTraining backend;
  VggishTraining net(backend, vggish_training_net(32, 4), kBatch);
  set_parameters(net, 18);
  for (std::size_t i = 0; i < 18; i += 2) {
    std::vector<float> values(net.parameters()[i].count);
    constexpr std::size_t kPiece = 1 << 18;
    parallel_for((values.size() + kPiece - 1) / kPiece, [&](std::size_t piece) {
      const std::size_t first = piece * kPiece;
      weights::he_init(kSeed, i, static_cast<std::int64_t>(first),
                       std::span(values).subspan(first, std::min(kPiece, values.size() - first)));
    });
    net.to_device(i, net.parameter(i), values);
  }
  std::vector<float> input;
  for (std::size_t e = 0; e < kBatch; ++e) {
    for (std::size_t i = 0; i < net.net().input_count(); ++i) {
      input.push_back(static_cast<float>(u(i, e) / 1024 - 5));
    }
  }
  expect_golden<float>(net, golden("vggish"), input, kBatch, 1e-4);
}

// The loss along each parameter (every 97th, and at least four of each tensor), with dropout.
TEST(VggishTraining, gradient_is_the_slope_of_the_loss) {
  // Central differences: rounding 1e-16 / step, curvature step^2; no kink within a step.
  constexpr double kStep = 1e-6, kTolerance = 1e-8;
  ReferenceTraining backend;
  BasicVggishTraining<double> net(backend, small_net(), kSmallBatch);
  set_parameters(net, 0);
  const std::vector<double> input = small_input<double>();
  const std::vector<double> wanted = targets<double>(kSmallBatch, 3);
  std::vector<double> logits(kSmallBatch * 3), losses(kSmallBatch);
  const auto loss = [&] {
    net.forward(input, kSmallBatch, {.rate = 0.4, .seed = 5}, logits);
    net.set_first_trainable_layer(6);  // the loss is wanted, not all gradients
    net.backward(wanted, GradientMode::kOverwrite, losses);
    return losses[0] + losses[1] + losses[2];
  };
  net.forward(input, kSmallBatch, {.rate = 0.4, .seed = 5}, logits);
  net.backward(wanted, GradientMode::kOverwrite, losses);
  std::vector<std::vector<double>> gradients;
  for (std::size_t i = 0; i < net.parameters().size(); ++i) {
    gradients.push_back(gradient_of(net, i));
  }
  for (std::size_t i = 0; i < net.parameters().size(); ++i) {
    SCOPED_TRACE(net.parameters()[i].name);
    const std::size_t count = net.parameters()[i].count;
    double* const values = net.parameter(i);
    for (std::size_t j = 0; j < count; j += std::max<std::size_t>(1, count / 5)) {
      const double at = values[j];
      values[j] = at + kStep;
      const double above = loss();
      values[j] = at - kStep;
      const double below = loss();
      values[j] = at;
      expect_within(std::abs((above - below) / (2 * kStep) - gradients[i][j]), kTolerance, "slope");
    }
  }
}

TEST(VggishTraining, gradients_of_two_batches_add_up) {
  ReferenceTraining backend;
  BasicVggishTraining<double> net(backend, small_net(), kSmallBatch);
  set_parameters(net, 0);
  const std::vector<double> input = small_input<double>();
  const std::vector<double> wanted = targets<double>(kSmallBatch, 3);
  std::vector<double> logits(9), losses(3);
  net.forward(input, kSmallBatch, {}, logits);
  net.backward(wanted, GradientMode::kOverwrite, losses);
  std::vector<std::vector<double>> together;
  for (std::size_t i = 0; i < net.parameters().size(); ++i) {
    together.push_back(gradient_of(net, i));
  }
  const auto part = [&](std::size_t first, std::size_t n, GradientMode mode) {
    net.forward(std::span(input).subspan(first * 64, n * 64), n, {},
                std::span(logits).first(n * 3));
    net.backward(std::span(wanted).subspan(first * 3, n * 3), mode, std::span(losses).first(n));
  };
  part(0, 1, GradientMode::kOverwrite);
  part(1, 2, GradientMode::kAccumulate);
  for (std::size_t i = 0; i < net.parameters().size(); ++i) {
    expect_within(testing::relative_l2<double, double>(gradient_of(net, i), together[i]), 1e-13,
                  net.parameters()[i].name.c_str());
  }
}

TEST(VggishTraining, refuses_batches_and_layers_that_there_are_not) {
  cpu::CpuTraining backend(1);
  VggishTraining net(backend, small_net(), 2);
  std::vector<float> input(3 * 64), logits(9);
  testing::expect_error(ErrorClass::kUsage, "3 examples",
                        [&] { net.forward(input, 3, {}, logits); });
  testing::expect_error(ErrorClass::kUsage, "layer 7 of 7",
                        [&] { net.set_first_trainable_layer(7); });
}

}  // namespace
}  // namespace vggroove

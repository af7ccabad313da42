// The backward pass of the whole network: finite differences in double precision, PyTorch autograd
// in float64 (tests/golden/training), and the CPU backend against both.
#include "engine/nets/vggish_training.h"

#include <gtest/gtest.h>

#include <cmath>
#include <string>
#include <vector>

#include "engine/backends/cpu/cpu_training.h"
#include "engine/backends/reference_training.h"
#include "engine/device/cpu_info.h"
#include "engine/device/parallel_for.h"
#include "tests/engine/nets/training_golden.h"
#include "tests/support/compare.h"
#include "tests/support/expect_error.h"
#include "weights/he_init.h"

namespace vggroove {
namespace {

using testing::expect_within;

using testing::expect_golden;
using testing::golden;
using testing::gradient_of;
using testing::kSmallBatch;
using testing::set_parameters;
using testing::small_input;
using testing::small_net;
using testing::targets;
using testing::u;

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

// Convolutions forward in fp32, their gradients in bf16: ReLUs and pools decide as in fp32.
class Bf16Backward : public cpu::CpuTraining {
 public:
  Bf16Backward() : CpuTraining(2, Precision::kBf16) {}
  void conv3x3(void* y, const void* x, const float* weights, const float* biases,
               const Conv3x3Shape& shape) override {
    forward_.conv3x3(y, x, weights, biases, shape);
  }

 private:
  CpuTraining forward_{2};
};

struct SmallNetResult {
  std::vector<double> logits;
  std::vector<std::vector<double>> gradients;  // [parameters]
};
template <class Real>
SmallNetResult run_small_net(BasicTrainingBackend<Real>& backend) {
  BasicVggishTraining<Real> net(backend, small_net(), kSmallBatch);
  set_parameters(net, 0);
  std::vector<Real> logits(kSmallBatch * 3), losses(kSmallBatch);
  net.forward(small_input<Real>(), kSmallBatch, {}, logits);
  net.backward(targets<Real>(kSmallBatch, 3), GradientMode::kOverwrite, losses);
  SmallNetResult result{.logits = {logits.begin(), logits.end()}, .gradients = {}};
  for (std::size_t i = 0; i < net.parameters().size(); ++i) {
    const std::vector<Real> gradient = gradient_of(net, i);
    result.gradients.emplace_back(gradient.begin(), gradient.end());
  }
  return result;
}

// A ReLU or a pool that decides otherwise moves a gradient's whole value elsewhere, be the rounding
// that tipped it ever so small: in this network, with 3 examples, the convolutions' gradients in
// bf16 are 20 to 28 % from the reference. Where the decisions are the same, at most 1.6 % are left.
TEST(VggishTraining, gradients_in_bf16_are_as_exact_as_their_products) {
  if (!cpu_info().has_bf16_dot) {
    GTEST_SKIP() << "this processor has no bf16 dot product";
  }
  // Of one convolution's gradients: kBf16Tolerance of training_backend_test.cpp. Along the way to a
  // layer they add up; conv1 and the dense layers compute in fp32.
  constexpr double kPerConvolution = 3e-2;
  constexpr int kConvolutionsOnTheWay[] = {2, 2, 1, 0, 0, 0, 0};
  ReferenceTraining reference;
  const SmallNetResult expected = run_small_net(reference);
  Bf16Backward backward;
  const SmallNetResult bf16 = run_small_net(backward);
  for (std::size_t i = 0; i < expected.gradients.size(); ++i) {
    const double tolerance = 1e-5 + kPerConvolution * kConvolutionsOnTheWay[i / 2];
    expect_within(testing::relative_l2<double, double>(bf16.gradients[i], expected.gradients[i]),
                  tolerance, "gradient");
  }
  // The logits follow the decisions without a jump: two convolutions forward in bf16.
  cpu::CpuTraining all(2, Precision::kBf16);
  const SmallNetResult whole = run_small_net(all);
  expect_within(testing::relative_l2<double, double>(whole.logits, expected.logits),
                2 * kPerConvolution, "logits");
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

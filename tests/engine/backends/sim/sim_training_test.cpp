// Training on the CUDA backend, played by the processor: its operations against the double
// reference, its gradients against PyTorch and the cpu backend, and what it does without memory or
// device.
#include <gtest/gtest.h>

#include <functional>
#include <span>
#include <string>
#include <vector>

#include "engine/backends/cpu/cpu_training.h"
#include "engine/backends/cuda/training.h"
#include "engine/backends/sim/simulator.h"
#include "engine/device/out_of_device_memory.h"
#include "tests/engine/backends/sim/bf16_reference.h"
#include "tests/engine/backends/training_backend_suite.h"
#include "tests/engine/nets/training_golden.h"
#include "tests/support/compare.h"
#include "tests/support/expect_error.h"

namespace vggroove {
namespace {

using cuda::CudaTraining;
using sim::Simulator;
using testing::expect_within;

cuda::CudaTrainingSettings settings(Precision precision = Precision::kFp32) {
  return {.precision = precision, .device_name = "sim", .plan_folder = {}};
}

template <Precision kPrecision>
struct SimShapes {
  static void for_each_variant(const std::function<void(TrainingBackend&)>& body) {
    {
      CudaTraining backend(settings(kPrecision));
      body(backend);
    }
    EXPECT_EQ(Simulator::get().leaks(), "");
  }
  static std::vector<Conv3x3Shape> convs() { return {{3, 8, 12, 1, 64}, {3, 5, 6, 8, 16}}; }
  static std::vector<DenseShape> dense() { return {{33, 72, 96}, {1, 32, 32}, {3, 33, 10}}; }
  static std::vector<MaxPoolShape> pools() { return {{2, 6, 4, 64}, {1, 2, 2, 8}}; }
};

struct SimDevice : SimShapes<Precision::kFp32> {
  static constexpr double kConvTolerance = 1e-6, kDirectTolerance = 1e-6;
  static constexpr auto kInputs = testing::Inputs::kFp32;
};

// Operands are exact and sums fp32; then a result is rounded to 8 bits, by 2^-8 of itself at most,
// and behind dropout twice.
struct SimBf16Device : SimShapes<Precision::kBf16> {
  static constexpr double kConvTolerance = 0x1p-8 + 1e-6, kDirectTolerance = 0x1p-7 + 1e-4;
  static constexpr auto kInputs = testing::Inputs::kBf16;
};

// VGGish in all but the size of its pictures and dense layers.
TrainingNet tiny_vggish() {
  return {.body = {{"conv1", Conv3x3Spec{32, 32, 1, 64, true}},
                   {"conv2", Conv3x3Spec{16, 16, 64, 128, true}},
                   {"conv3_1", Conv3x3Spec{8, 8, 128, 256, false}},
                   {"conv3_2", Conv3x3Spec{8, 8, 256, 256, true}},
                   {"conv4_1", Conv3x3Spec{4, 4, 256, 512, false}},
                   {"conv4_2", Conv3x3Spec{4, 4, 512, 512, true}},
                   {"fc1_1", DenseSpec{2048, 128, true}},
                   {"fc1_2", DenseSpec{128, 128, true}},
                   {"fc2", DenseSpec{128, 128, false}}},
          .num_hidden = 32,
          .num_classes = 4};
}

struct StepResult {
  std::vector<float> logits, losses;
  std::vector<std::vector<float>> gradients, parameters;
  float clip = 0;
};

// Forward, backward and a clipped step of AdamW. `part`: so many examples at a time.
StepResult training_step(TrainingBackend& backend, std::size_t part) {
  constexpr std::size_t kBatch = 2;
  VggishTraining net(backend, tiny_vggish(), part);
  testing::set_parameters(net, 0);
  const std::size_t values = net.net().input_count(), k = net.net().num_classes;
  std::vector<float> input(kBatch * values);
  for (std::size_t i = 0; i < input.size(); ++i) {
    input[i] = static_cast<float>(testing::u(i, 3) / 1024 - 5);
  }
  const std::vector<float> targets = testing::targets<float>(kBatch, k);
  StepResult result;
  result.logits.resize(kBatch * k);
  result.losses.resize(kBatch);
  for (std::size_t first = 0; first < kBatch; first += part) {
    net.forward(std::span(input).subspan(first * values, part * values), part,
                {.rate = 0.25, .seed = 5, .first_example = first},
                std::span(result.logits).subspan(first * k, part * k));
    net.backward(std::span(targets).subspan(first * k, part * k),
                 first == 0 ? GradientMode::kOverwrite : GradientMode::kAccumulate,
                 std::span(result.losses).subspan(first, part));
  }
  const DeviceMemory total = backend.allocate(sizeof(double)),
                     factor = backend.allocate(sizeof(float));
  for (std::size_t i = 0; i < net.parameters().size(); ++i) {
    result.gradients.push_back(testing::gradient_of(net, i));
    backend.add_squares(total.as<double>(), net.gradient(i), net.parameters()[i].count);
  }
  backend.clip_factor(factor.as<float>(), total.as<double>(), 1e-2);
  backend.to_host_sync(&result.clip, factor.as<float>(), sizeof(float));
  const DeviceMemory step = backend.allocate(sizeof(OptimiserStep));
  backend.optimiser_step_to_device(step.as<void>(), optimiser_step(0.01, 1));
  for (std::size_t i = 0; i < net.parameters().size(); ++i) {
    const std::size_t count = net.parameters()[i].count;
    const DeviceMemory first = backend.allocate(count * sizeof(float)),
                       second = backend.allocate(count * sizeof(float));
    // An epsilon above most gradients: below, a step is the gradient's sign, rounding or not.
    backend.adamw(net.parameter(i), first.as<float>(), second.as<float>(), net.gradient(i),
                  factor.as<float>(), count, step.as<void>(), {.epsilon = 1e-2});
    net.to_host(i, result.parameters.emplace_back(count), net.parameter(i));
  }
  return result;
}

const StepResult& cpu_step() {
  static const StepResult result = [] {
    cpu::CpuTraining backend(2);
    return training_step(backend, 2);
  }();
  return result;
}

void expect_same_step(const StepResult& actual, const StepResult& expected, double tolerance) {
  const auto close = [&](const std::vector<float>& a, const std::vector<float>& b,
                         const std::string& what) {
    expect_within(testing::relative_l2(std::span<const float>(a), std::span<const float>(b)),
                  tolerance, what.c_str());
  };
  EXPECT_LT(expected.clip, 1);
  close({actual.clip}, {expected.clip}, "clip factor");
  close(actual.logits, expected.logits, "logits");
  close(actual.losses, expected.losses, "losses");
  ASSERT_EQ(actual.gradients.size(), expected.gradients.size());
  for (std::size_t i = 0; i < expected.gradients.size(); ++i) {
    close(actual.gradients[i], expected.gradients[i], "gradient " + std::to_string(i));
    close(actual.parameters[i], expected.parameters[i], "parameter " + std::to_string(i));
  }
}

class SimTraining : public ::testing::Test {
 protected:
  void TearDown() override {
    Simulator::get().memory.set_device_limit(limit_);
    EXPECT_EQ(Simulator::get().leaks(), "");
  }
  const std::size_t limit_ = Simulator::get().memory.device_limit();
};

TEST_F(SimTraining, small_network_matches_pytorch) {
  CudaTraining backend(settings());
  EXPECT_EQ(backend.description(), "sim (simulated GPU)");
  VggishTraining net(backend, testing::small_net(), testing::kSmallBatch);
  testing::set_parameters(net, 0);
  testing::expect_golden<float>(net, testing::golden("small"), testing::small_input<float>(),
                                testing::kSmallBatch, 1e-5);
}

TEST_F(SimTraining, a_step_of_the_whole_network_equals_the_cpu) {
  CudaTraining backend(settings());
  expect_same_step(training_step(backend, 2), cpu_step(), 1e-4);
}

TEST_F(SimTraining, a_step_in_parts_equals_that_of_the_whole_batch) {
  CudaTraining backend(settings());
  expect_same_step(training_step(backend, 1), cpu_step(), 1e-4);
}

TEST_F(SimTraining, tf32_is_close) {
  CudaTraining backend(settings(Precision::kTf32));
  VggishTraining net(backend, testing::small_net(), testing::kSmallBatch);
  testing::set_parameters(net, 0);
  // Factors of 11 bits, and ReLUs and pools that decide otherwise for it.
  testing::expect_golden<float>(net, testing::golden("small"), testing::small_input<float>(),
                                testing::kSmallBatch, 1e-2);
}

// Logits, losses and gradients of the small network.
template <class Real>
std::vector<std::vector<Real>> small_network_pass(BasicTrainingBackend<Real>& backend) {
  constexpr std::size_t kBatch = testing::kSmallBatch, kClasses = 3;
  BasicVggishTraining<Real> net(backend, testing::small_net(), kBatch);
  testing::set_parameters(net, 0);
  std::vector<std::vector<Real>> results{std::vector<Real>(kBatch * kClasses),
                                         std::vector<Real>(kBatch)};
  net.forward(testing::small_input<Real>(), kBatch, {}, results[0]);
  net.backward(testing::targets<Real>(kBatch, kClasses), GradientMode::kOverwrite, results[1]);
  for (std::size_t i = 0; i < net.parameters().size(); ++i) {
    results.push_back(testing::gradient_of(net, i));
  }
  return results;
}

// Sums in fp32 and in double, 1e-6 apart, round to another bf16 once in 2^-8 / 1e-6 = 4000 times,
// and are then 2^-8 apart: 1e-4 of a layer's norm, in seven layers there and back.
TEST_F(SimTraining, small_network_in_bf16_matches_the_reference_that_rounds_alike) {
  CudaTraining backend(settings(Precision::kBf16));
  testing::Bf16Reference reference;
  const auto actual = small_network_pass<float>(backend);
  const auto expected = small_network_pass<double>(reference);
  for (std::size_t i = 0; i < expected.size(); ++i) {
    expect_within(testing::relative_l2<float, double>(actual[i], expected[i]), 14e-4,
                  ("result " + std::to_string(i)).c_str());
  }
}

// Each part's gradient is rounded, instead of their sum.
TEST_F(SimTraining, a_step_in_bf16_in_parts_equals_that_of_the_whole_batch) {
  CudaTraining backend(settings(Precision::kBf16));
  expect_same_step(training_step(backend, 1), training_step(backend, 2), 0x1p-7);
}

TEST_F(SimTraining, dense_weight_gradients_of_bf16_operands_are_fp32) {
  CudaTraining backend(settings(Precision::kBf16));
  ReferenceTraining reference;
  const DenseShape shape{33, 72, 96};
  const auto actual = testing::run_dense(backend, shape, testing::Inputs::kBf16);
  const auto expected = testing::run_dense(reference, shape, testing::Inputs::kBf16);
  ASSERT_EQ(actual.size(), 8U);
  for (std::size_t i = 4; i < 8; ++i) {  // of weights and biases, overwritten and added to
    expect_within(testing::relative_l2<float, double>(actual[i], expected[i]), 1e-6, "gradient");
  }
}

// Weights of 1, whose neighbour in bf16 is 1 + 2^-7, grow by 2^-10 in each step: the fp32 master
// keeps every step, the copy that products read follows when it rounds up.
TEST_F(SimTraining, bf16_products_read_copies_of_fp32_masters) {
  CudaTraining backend(settings(Precision::kBf16));
  constexpr std::size_t kSize = 32;
  constexpr DenseShape kShape{1, kSize, kSize};
  testing::Array<float> weights(backend, std::vector<double>(kSize * kSize, 1.0));
  testing::Array<float> biases(backend, std::vector<double>(kSize));
  testing::Array<float> momentum(backend, std::vector<double>(kSize * kSize));
  testing::Array<float> gradient(backend, std::vector<double>(kSize * kSize, -1.0));
  std::vector<double> first_input(kSize);
  first_input[0] = 1;
  testing::Activations<float> x(backend, first_input), y(backend, kSize);
  const auto product = [&] {
    backend.dense(y.data(), x.data(), weights.data(), biases.data(), false, kShape);
    return y.values()[kSize - 1];
  };
  EXPECT_EQ(product(), 1);
  const DeviceMemory step_memory = backend.allocate(sizeof(OptimiserStep));
  backend.optimiser_step_to_device(step_memory.as<void>(), {.learning_rate = 0x1p-10});
  for (int step = 1; step <= 8; ++step) {
    backend.sgd(weights.data(), momentum.data(), gradient.data(), nullptr, kSize * kSize,
                step_memory.as<void>(), {.momentum = 0});
    EXPECT_EQ(weights.values()[0], 1 + static_cast<float>(step) * 0x1p-10F);
    EXPECT_EQ(product(), step <= 4 ? 1 : 1 + 0x1p-7F);  // half of the way rounds to even: down
  }
  const std::vector<float> threes(kSize * kSize, 3);
  backend.dense_weights_to_device(weights.data(), threes.data(), kShape);
  EXPECT_EQ(product(), 3);
  backend.fill_zero(weights.data(), kSize * kSize * sizeof(float));
  EXPECT_EQ(product(), 0);
}

TEST_F(SimTraining, a_network_without_memory_for_its_batch_takes_half) {
  CudaTraining backend(settings());
  std::size_t bytes_of[2] = {};
  for (const std::size_t n : {1, 2}) {
    const VggishTraining net(backend, testing::small_net(), n);
    bytes_of[n - 1] = Simulator::get().memory.device_bytes();
  }
  Simulator::get().memory.set_device_limit(bytes_of[1]);
  VggishTraining net(backend, testing::small_net(), 8);
  EXPECT_EQ(net.max_batch(), 2U);
  EXPECT_TRUE(net.halve_max_batch());
  EXPECT_EQ(Simulator::get().memory.device_bytes(), bytes_of[0]);
  EXPECT_FALSE(net.halve_max_batch());
  Simulator::get().memory.set_device_limit(bytes_of[0] - 1);
  EXPECT_THROW(VggishTraining(backend, testing::small_net(), 8), OutOfDeviceMemory);
}

// Memory that moves: graphs of before must not be replayed.
TEST_F(SimTraining, a_graph_is_captured_anew_when_memory_has_moved) {
  CudaTraining backend(settings());
  constexpr std::size_t kCount = 1000;
  testing::Array<float> x(backend, std::vector<double>(kCount, 1.0));
  const std::vector<double> zeros(kCount);
  DeviceMemory total = backend.allocate(sizeof(double));
  std::unique_ptr<CallSequence> sequence;
  const auto squares = [&] {
    backend.fill_zero(total.as<void>(), sizeof(double));
    backend.repeat("squares", sequence,
                   [&] { backend.add_squares(total.as<double>(), x.data(), kCount); });
    double sum = 0;
    backend.to_host_sync(&sum, total.as<double>(), sizeof sum);
    return sum;
  };
  for (int i = 0; i < 3; ++i) {
    EXPECT_EQ(squares(), kCount);
  }
  const std::uint64_t launches = Simulator::get().counts.graph_launches;
  EXPECT_EQ(squares(), kCount);
  EXPECT_EQ(Simulator::get().counts.graph_launches, launches + 1);
  total = backend.allocate(sizeof(double));  // and the former is freed
  for (int i = 0; i < 3; ++i) {
    EXPECT_EQ(squares(), kCount);
  }
  // Scratch memory grows, and the former is freed: partial sums of more chunks.
  testing::Array<float> larger(backend, std::vector<double>(std::size_t{1} << 20, 1.0));
  backend.add_squares(total.as<double>(), larger.data(), std::size_t{1} << 20);
  EXPECT_EQ(squares(), kCount);
}

TEST_F(SimTraining, a_device_lost_in_training_is_an_error_that_says_so) {
  CudaTraining backend(settings());
  VggishTraining net(backend, testing::small_net(), 1);
  testing::set_parameters(net, 0);
  std::vector<float> logits(3), losses(1);
  const std::vector<float> input(64), targets(3, 1);
  net.forward(input, 1, {}, logits);
  Simulator::get().lose_device();
  testing::expect_error(ErrorClass::kDevice, "lost the device",
                        [&] { net.backward(targets, GradientMode::kOverwrite, losses); });
  Simulator::get().repair_device();
}

}  // namespace

namespace testing {
INSTANTIATE_TYPED_TEST_SUITE_P(Sim, TrainingDevice, SimDevice);
INSTANTIATE_TYPED_TEST_SUITE_P(SimBf16, TrainingDevice, SimBf16Device);
}  // namespace testing
}  // namespace vggroove

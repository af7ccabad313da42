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
#include "tests/engine/backends/training_backend_suite.h"
#include "tests/engine/nets/training_golden.h"
#include "tests/support/compare.h"
#include "tests/support/expect_error.h"
#include "tests/train/toy_features.h"
#include "train/finetune.h"

namespace vggroove {
namespace {

using cuda::CudaTraining;
using sim::Memory;
using sim::Simulator;
using testing::expect_within;

cuda::CudaTrainingSettings settings(Precision precision = Precision::kFp32) {
  return {.precision = precision, .device_name = "sim", .plan_folder = {}};
}

struct SimDevice {
  static constexpr double kConvTolerance = 1e-6, kDirectTolerance = 1e-6;

  static void for_each_variant(const std::function<void(TrainingBackend&)>& body) {
    {
      CudaTraining backend(settings());
      body(backend);
    }
    EXPECT_EQ(Simulator::get().leaks(), "");
  }
  static std::vector<Conv3x3Shape> convs() { return {{3, 8, 12, 1, 64}, {3, 5, 6, 8, 16}}; }
  static std::vector<DenseShape> dense() { return {{33, 72, 96}, {1, 32, 32}, {3, 33, 10}}; }
  static std::vector<MaxPoolShape> pools() { return {{2, 6, 4, 64}, {1, 2, 2, 8}}; }
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
  for (std::size_t i = 0; i < net.parameters().size(); ++i) {
    const std::size_t count = net.parameters()[i].count;
    const DeviceMemory first = backend.allocate(count * sizeof(float)),
                       second = backend.allocate(count * sizeof(float));
    // An epsilon above most gradients: below, a step is the gradient's sign, rounding or not.
    backend.adamw(net.parameter(i), first.as<float>(), second.as<float>(), net.gradient(i),
                  factor.as<float>(), count, {.learning_rate = 0.01, .epsilon = 1e-2});
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

void expect_same_step(const StepResult& actual, double tolerance) {
  const StepResult& expected = cpu_step();
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
  expect_same_step(training_step(backend, 2), 1e-4);
}

TEST_F(SimTraining, a_step_in_parts_equals_that_of_the_whole_batch) {
  CudaTraining backend(settings());
  expect_same_step(training_step(backend, 1), 1e-4);
}

TEST_F(SimTraining, tf32_is_close) {
  CudaTraining backend(settings(Precision::kTf32));
  VggishTraining net(backend, testing::small_net(), testing::kSmallBatch);
  testing::set_parameters(net, 0);
  // Factors of 11 bits, and ReLUs and pools that decide otherwise for it.
  testing::expect_golden<float>(net, testing::golden("small"), testing::small_input<float>(),
                                testing::kSmallBatch, 1e-2);
  testing::expect_error(ErrorClass::kUnsupported, "bf16",
                        [] { CudaTraining(settings(Precision::kBf16)); });
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

// The parameters after an epoch in batches of 8, with so much memory beyond the network's.
std::vector<std::vector<float>> finetuned(std::size_t more_bytes, std::size_t& fitted) {
  constexpr std::size_t kBatch = 8;
  const FeatureSet logmels = testing::toy_features(3, 4, 1, 1, 64, 1);
  CudaTraining backend(settings());
  VggishTraining net(backend, testing::small_net(), kBatch);
  testing::set_parameters(net, 0);
  Memory& memory = Simulator::get().memory;
  const std::size_t limit = memory.device_limit();
  memory.set_device_limit(memory.device_bytes() + more_bytes);
  FinetuneOptions options;
  options.batch_size = kBatch;
  options.max_epochs = 1;
  options.dropout = 0.3;
  options.optimiser = OptimiserKind::kSgd;
  options.learning_rate = 1e-2;
  const std::vector<std::size_t> clips = testing::clips_from_to(0, 12);
  finetune(backend, net, logmels, clips, {}, options, {}, {});
  fitted = net.max_batch();
  memory.set_device_limit(limit);
  std::vector<std::vector<float>> parameters;
  for (std::size_t i = 0; i < net.parameters().size(); ++i) {
    net.to_host(i, parameters.emplace_back(net.parameters()[i].count), net.parameter(i));
  }
  return parameters;
}

TEST_F(SimTraining, memory_that_runs_out_in_a_run_makes_parts_of_batches_and_the_same_steps) {
  std::size_t fitted = 0;
  const auto whole = finetuned(std::size_t{1} << 30, fitted);
  EXPECT_EQ(fitted, 8U);
  // Enough for the momentum (375 kB), not for the workspace of the first convolution.
  const auto parts = finetuned(std::size_t{380} << 10, fitted);
  EXPECT_LT(fitted, 8U);
  for (std::size_t i = 0; i < whole.size(); ++i) {
    expect_within(testing::relative_l2<float, float>(parts[i], whole[i]), 1e-5, "parts");
  }
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
}  // namespace testing
}  // namespace vggroove

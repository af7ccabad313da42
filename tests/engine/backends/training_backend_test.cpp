// The CPU's operations of training against the double-precision reference, and the promise that
// the number of threads does not matter.
#include "engine/backends/training_backend.h"

#include <gtest/gtest.h>

#include <cmath>
#include <fstream>
#include <nlohmann/json.hpp>
#include <string>
#include <vector>

#include "engine/backends/cpu/cpu_training.h"
#include "engine/backends/reference_training.h"
#include "tests/support/compare.h"
#include "tests/support/expect_error.h"
#include "tests/support/simd_targets.h"

namespace vggroove {
namespace {

using cpu::CpuTraining;
using testing::expect_within;
using testing::for_each_simd_target;

// Winograd rounds values up to 20 times the result's size: as in layers_test.cpp, where forward
// measured 4e-7 to 8e-7. The filters' gradient is summed over up to 100 tiles besides.
constexpr double kWinogradTolerance = 4e-6;
constexpr double kDirectTolerance = 1e-6;

std::vector<double> noise(std::size_t count, unsigned seed) {
  std::vector<double> values(count);
  std::uint32_t state = seed * 2654435761U + 1;
  for (double& value : values) {
    state = state * 1664525 + 1013904223;
    value = static_cast<float>(static_cast<std::int32_t>(state)) * 0x1p-31;
  }
  return values;
}
// What a ReLU gives: half of it 0.
std::vector<double> activations(std::size_t count, unsigned seed) {
  std::vector<double> values = noise(count, seed);
  for (double& value : values) {
    value = std::max(value, 0.0);
  }
  return values;
}

// An array on the device between sentinels; the operations' outputs begin as NaN.
template <class Real>
class Array {
 public:
  Array(BasicTrainingBackend<Real>& backend, const std::vector<double>& values)
      : backend_(backend), memory_(backend.allocate((values.size() + 2 * kGuard) * sizeof(Real))) {
    host_.assign(values.size() + 2 * kGuard, kSentinel);
    std::copy(values.begin(), values.end(), host_.begin() + kGuard);
    backend.to_device(memory_.template as<Real>(), host_.data(), host_.size() * sizeof(Real));
  }
  Array(BasicTrainingBackend<Real>& backend, std::size_t count)
      : Array(backend, std::vector<double>(count, std::nan(""))) {}

  Real* data() { return memory_.template as<Real>() + kGuard; }
  std::vector<Real> values() {
    backend_.to_host_sync(host_.data(), memory_.template as<Real>(), host_.size() * sizeof(Real));
    for (std::size_t i = 0; i < kGuard; ++i) {
      EXPECT_EQ(host_[i], kSentinel) << "written before an array";
      EXPECT_EQ(host_[host_.size() - 1 - i], kSentinel) << "written behind an array";
    }
    return {host_.begin() + kGuard, host_.end() - kGuard};
  }

 private:
  static constexpr std::size_t kGuard = 32;
  static constexpr Real kSentinel = -12345;
  BasicTrainingBackend<Real>& backend_;
  DeviceMemory memory_;
  std::vector<Real> host_;
};

template <class Real>
std::vector<Real> as_real(const std::vector<double>& values) {
  return {values.begin(), values.end()};
}

// Every operation's results, one after the other, so that devices can be compared.
template <class Real>
using Results = std::vector<std::vector<Real>>;

template <class Real>
Results<Real> run_conv(BasicTrainingBackend<Real>& backend, const Conv3x3Shape& shape) {
  Results<Real> results;
  const std::vector<Real> canonical = as_real<Real>(noise(shape.weights_count(), 1));
  Array<Real> weights(backend, shape.weights_count());
  backend.conv3x3_weights_to_device(weights.data(), canonical.data(), shape);
  Array<Real> biases(backend, noise(shape.out_channels, 2));
  Array<Real> x(backend, activations(shape.input_count(), 3));
  Array<Real> y(backend, shape.output_count());
  backend.conv3x3(y.data(), x.data(), weights.data(), biases.data(), shape);
  results.push_back(y.values());

  Array<Real> grad_y(backend, noise(shape.output_count(), 4));
  if (shape.in_channels > 1) {
    for (const bool x_is_relu : {false, true}) {
      Array<Real> grad_x(backend, shape.input_count());
      backend.conv3x3_dgrad(grad_x.data(), grad_y.data(), weights.data(), x.data(), x_is_relu,
                            shape);
      results.push_back(grad_x.values());
    }
  }
  Array<Real> grad_weights(backend, shape.weights_count());
  Array<Real> grad_biases(backend, shape.out_channels);
  for (const GradientMode mode : {GradientMode::kOverwrite, GradientMode::kAccumulate}) {
    backend.conv3x3_wgrad(grad_weights.data(), grad_biases.data(), grad_y.data(), x.data(), mode,
                          shape);
    std::vector<Real> host(shape.weights_count());
    backend.conv3x3_weights_to_host_sync(host.data(), grad_weights.data(), shape);
    results.push_back(host);
    results.push_back(grad_biases.values());
  }
  grad_weights.values();  // its sentinels
  return results;
}

template <class Real>
Results<Real> run_dense(BasicTrainingBackend<Real>& backend, const DenseShape& shape) {
  Results<Real> results;
  const std::vector<Real> canonical = as_real<Real>(noise(shape.in * shape.out, 1));
  Array<Real> weights(backend, shape.in * shape.out);
  backend.dense_weights_to_device(weights.data(), canonical.data(), shape);
  std::vector<Real> back(canonical.size());
  backend.dense_weights_to_host_sync(back.data(), weights.data(), shape);
  EXPECT_EQ(back, canonical);
  Array<Real> biases(backend, noise(shape.out, 2));
  Array<Real> x(backend, activations(shape.n * shape.in, 3));
  Array<Real> grad_y(backend, noise(shape.n * shape.out, 4));
  for (const bool relu : {false, true}) {
    Array<Real> y(backend, shape.n * shape.out);
    backend.dense(y.data(), x.data(), weights.data(), biases.data(), relu, shape);
    results.push_back(y.values());
    Array<Real> grad_x(backend, shape.n * shape.in);
    backend.dense_dgrad(grad_x.data(), grad_y.data(), weights.data(), x.data(), relu, shape);
    results.push_back(grad_x.values());
  }
  Array<Real> grad_weights(backend, shape.in * shape.out), grad_biases(backend, shape.out);
  for (const GradientMode mode : {GradientMode::kOverwrite, GradientMode::kAccumulate}) {
    backend.dense_wgrad(grad_weights.data(), grad_biases.data(), grad_y.data(), x.data(), mode,
                        shape);
    std::vector<Real> host(shape.in * shape.out);
    backend.dense_weights_to_host_sync(host.data(), grad_weights.data(), shape);
    results.push_back(host);
    results.push_back(grad_biases.values());
  }
  grad_weights.values();
  return results;
}

template <class Real>
Results<Real> run_pool(BasicTrainingBackend<Real>& backend, const Pool2x2Shape& shape) {
  Results<Real> results;
  // Small integers: ties and windows of zeros are frequent.
  std::vector<double> values = noise(shape.input_count(), 5);
  for (double& value : values) {
    value = std::max(0.0, std::floor(value * 4));
  }
  Array<Real> x(backend, values), y(backend, shape.output_count());
  DeviceMemory cache = backend.allocate(backend.maxpool2x2_cache_bytes(shape));
  backend.maxpool2x2(y.data(), cache.template as<void>(), x.data(), shape);
  results.push_back(y.values());
  Array<Real> grad_y(backend, noise(shape.output_count(), 6)), grad_x(backend, shape.input_count());
  backend.maxpool2x2_bwd(grad_x.data(), grad_y.data(), cache.template as<void>(), shape);
  results.push_back(grad_x.values());
  return results;
}

template <class Real>
Results<Real> run_small_operations(BasicTrainingBackend<Real>& backend, std::size_t n,
                                   std::size_t k) {
  Results<Real> results;
  const std::size_t count = n * k;
  Array<Real> x(backend, noise(count, 1)), y(backend, count), losses(backend, n);
  Array<Real> mean(backend, noise(k, 2)), scale(backend, noise(k, 3));
  Array<Real> targets(backend, activations(count, 4));
  backend.standardise(y.data(), x.data(), mean.data(), scale.data(), n, k);
  results.push_back(y.values());
  backend.standardise_bwd(y.data(), x.data(), scale.data(), n, k);
  results.push_back(y.values());
  backend.softmax_cross_entropy(losses.data(), y.data(), x.data(), targets.data(), n, k);
  results.push_back(losses.values());
  results.push_back(y.values());
  backend.dropout(y.data(), count, 0.25, 99);
  results.push_back(y.values());

  const double start = 0.5;
  const DeviceMemory total = backend.allocate(sizeof(double));
  backend.to_device(total.as<double>(), &start, sizeof(double));
  Array<Real> factor(backend, 1), first(backend, activations(count, 5));
  Array<Real> second(backend, activations(count, 6)), gradient(backend, noise(count, 7));
  backend.add_squares(total.as<double>(), gradient.data(), count);
  backend.clip_factor(factor.data(), total.as<double>(), 0.75);
  results.push_back(factor.values());
  backend.adamw(x.data(), first.data(), second.data(), gradient.data(), factor.data(), count,
                {.learning_rate = 0.01, .weight_decay = 0.1, .step = 3});
  for (Array<Real>* array : {&x, &first, &second}) {
    results.push_back(array->values());
  }
  backend.sgd(x.data(), first.data(), gradient.data(), nullptr, count,
              {.learning_rate = 0.01, .weight_decay = 0.1});
  results.push_back(x.values());
  results.push_back(first.values());
  return results;
}

void expect_close(const Results<float>& actual, const Results<double>& expected, double tolerance) {
  ASSERT_EQ(actual.size(), expected.size());
  for (std::size_t i = 0; i < actual.size(); ++i) {
    expect_within(testing::relative_l2(std::span<const float>(actual[i]),
                                       std::span<const double>(expected[i])),
                  tolerance, ("result " + std::to_string(i)).c_str());
  }
}

constexpr Conv3x3Shape kFirstConv{3, 8, 12, 1, 64};
constexpr Conv3x3Shape kSmallConv{3, 4, 8, 64, 128};
constexpr Conv3x3Shape kDeepConv{33, 4, 4, 128, 64};
constexpr DenseShape kPanels{33, 1056, 96};  // two blocks of inputs and of examples, both ragged
constexpr DenseShape kOddDense{3, 33, 10};

TEST(CpuTraining, convolutions_match_the_reference_on_every_simd_target) {
  ReferenceTraining reference;
  const Results<double> first = run_conv(reference, kFirstConv);
  const Results<double> other = run_conv(reference, kSmallConv);
  for_each_simd_target([&] {
    CpuTraining backend(2);
    expect_close(run_conv(backend, kFirstConv), first, kDirectTolerance);
    expect_close(run_conv(backend, kSmallConv), other, kWinogradTolerance);
  });
}

// The network's own widths, and more tiles than one block of wgrad takes.
TEST(CpuTraining, convolutions_match_the_reference_in_blocks) {
  ReferenceTraining reference;
  CpuTraining backend(2);
  for (const Conv3x3Shape& shape :
       {kDeepConv, Conv3x3Shape{1, 4, 8, 512, 64}, Conv3x3Shape{17, 16, 16, 64, 64}}) {
    SCOPED_TRACE(shape.in_channels);
    expect_close(run_conv(backend, shape), run_conv(reference, shape), kWinogradTolerance);
  }
}

TEST(CpuTraining, dense_layers_match_the_reference_on_every_simd_target) {
  ReferenceTraining reference;
  for (const DenseShape& shape : {kPanels, DenseShape{1, 32, 32}, kOddDense}) {
    SCOPED_TRACE(shape.in);
    const Results<double> expected = run_dense(reference, shape);
    for_each_simd_target([&] {
      CpuTraining backend(2);
      expect_close(run_dense(backend, shape), expected, kDirectTolerance);
    });
  }
}

TEST(CpuTraining, pools_are_exact) {
  ReferenceTraining reference;
  for (const Pool2x2Shape& shape : {Pool2x2Shape{2, 6, 4, 64}, Pool2x2Shape{1, 2, 2, 7}}) {
    const Results<double> expected = run_pool(reference, shape);
    for_each_simd_target([&] {
      CpuTraining backend(2);
      expect_close(run_pool(backend, shape), expected, 1e-7);  // the gradients are rounded to fp32
    });
  }
}

TEST(CpuTraining, loss_and_optimisers_match_the_reference_on_every_simd_target) {
  ReferenceTraining reference;
  const Results<double> expected = run_small_operations(reference, 33, 97);
  for_each_simd_target([&] {
    CpuTraining backend(2);
    expect_close(run_small_operations(backend, 33, 97), expected, kDirectTolerance);
  });
}

// Steps of PyTorch's optimisers in float64 (tests/golden/training). Parameters are below 4 and each
// step rounds them a few times.
template <class Real>
void compare_optimisers_with_pytorch(BasicTrainingBackend<Real>& backend, double tolerance) {
  std::ifstream file(std::string(VGGROOVE_GOLDEN_DIR) + "/training/golden.json");
  const nlohmann::json golden = nlohmann::json::parse(file);
  const auto values = [](std::size_t count, std::size_t s) {
    std::vector<double> made(count);
    for (std::size_t i = 0; i < count; ++i) {
      made[i] = static_cast<double>((31 * i * i + 7919 * i + 104729 * s) % 8192) / 2048 - 2;
    }
    return made;
  };
  for (const char* name : {"adamw", "adamw_clipped", "sgd"}) {
    SCOPED_TRACE(name);
    const nlohmann::json& expected = golden.at(name);
    const std::size_t count = expected["count"];
    Array<Real> parameters(backend, values(count, 0)), factor(backend, 1);
    Array<Real> first(backend, std::vector<double>(count)),
        second(backend, std::vector<double>(count));
    const DeviceMemory total = backend.allocate(sizeof(double));
    for (std::size_t step = 0; step < expected["after"].size(); ++step) {
      Array<Real> gradient(backend, values(count, step + 1));
      const double clip = expected["clip"];
      if (clip > 0) {
        backend.fill_zero(total.as<double>(), sizeof(double));
        backend.add_squares(total.as<double>(), gradient.data(), count);
        backend.clip_factor(factor.data(), total.as<double>(), clip);
        const double norm = expected["norms"][step];
        expect_within(std::abs(factor.values()[0] - clip / (norm + 1e-6)), tolerance, "factor");
      }
      const Real* const scale = clip > 0 ? factor.data() : nullptr;
      if (std::string(name) == "sgd") {
        backend.sgd(parameters.data(), first.data(), gradient.data(), scale, count,
                    {.learning_rate = 0.01, .weight_decay = 0.1, .momentum = 0.9});
      } else {
        backend.adamw(parameters.data(), first.data(), second.data(), gradient.data(), scale, count,
                      {.learning_rate = 0.01,
                       .weight_decay = 0.1,
                       .step = static_cast<std::int64_t>(step) + 1});
      }
      expect_within(
          testing::max_abs_difference<Real, double>(
              parameters.values(), expected["after"][step].template get<std::vector<double>>()),
          tolerance, "parameters");
    }
  }
}

TEST(ReferenceTraining, steps_are_those_of_pytorch) {
  ReferenceTraining backend;
  compare_optimisers_with_pytorch(backend, 1e-13);
}

TEST(CpuTraining, steps_are_those_of_pytorch_on_every_simd_target) {
  for_each_simd_target([] {
    CpuTraining backend(2);
    compare_optimisers_with_pytorch(backend, 4e-6);
  });
}

TEST(CpuTraining, the_number_of_threads_does_not_change_a_bit) {
  CpuTraining one(1), three(3);
  EXPECT_EQ(run_conv(one, kFirstConv), run_conv(three, kFirstConv));
  EXPECT_EQ(run_conv(one, kDeepConv), run_conv(three, kDeepConv));
  EXPECT_EQ(run_dense(one, kPanels), run_dense(three, kPanels));
  EXPECT_EQ(run_small_operations(one, 1031, 401), run_small_operations(three, 1031, 401));
}

TEST(CpuTraining, refuses_convolutions_it_has_no_kernels_for) {
  CpuTraining backend(1);
  const std::vector<float> weights(9 * 64 * 32);
  std::vector<float> to(weights.size());
  testing::expect_error(ErrorClass::kUsage, "4x4x64 to 32", [&] {
    backend.conv3x3_weights_to_device(to.data(), weights.data(), {1, 4, 4, 64, 32});
  });
}

}  // namespace
}  // namespace vggroove

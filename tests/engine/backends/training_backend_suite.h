#pragma once

// Every operation of training against the double-precision reference: one suite for all devices. A
// device is a type with
//   static void for_each_variant(body)    calls body(TrainingBackend&) for each way it computes
//   static constexpr double kConvTolerance, kDirectTolerance
//   static constexpr Inputs kInputs      kBf16 where operands are bf16: what is left then is the
//                                        rounding of results, which tolerances can be derived from
//   static std::vector<Conv3x3Shape> convs(), std::vector<DenseShape> dense(),
//   std::vector<MaxPoolShape> pools()
#include <gtest/gtest.h>

#include <cmath>
#include <fstream>
#include <nlohmann/json.hpp>
#include <string>
#include <vector>

#include "engine/backends/reference_training.h"
#include "engine/backends/training_backend.h"
#include "kernels/common/bfloat16.h"
#include "tests/support/compare.h"

namespace vggroove::testing {

// Values that a number of this type takes without rounding.
enum class Inputs { kFp32, kBf16 };

inline std::vector<double> noise(std::size_t count, unsigned seed, Inputs inputs = Inputs::kFp32) {
  std::vector<double> values(count);
  std::uint32_t state = seed * 2654435761U + 1;
  for (double& value : values) {
    state = state * 1664525 + 1013904223;
    const float in_fp32 = static_cast<float>(static_cast<std::int32_t>(state)) * 0x1p-31F;
    value = inputs == Inputs::kBf16 ? to_float(to_bfloat16(in_fp32)) : in_fp32;
  }
  return values;
}
// What a ReLU gives: half of it 0.
inline std::vector<double> activations(std::size_t count, unsigned seed,
                                       Inputs inputs = Inputs::kFp32) {
  std::vector<double> values = noise(count, seed, inputs);
  for (double& value : values) {
    value = std::max(value, 0.0);
  }
  return values;
}

// An array on the device between sentinels; the operations' outputs begin as NaN.
template <class Real, bool kOfActivations = false>
class Array {
 public:
  using Pointer = std::conditional_t<kOfActivations, void*, Real*>;

  Array(BasicTrainingBackend<Real>& backend, const std::vector<double>& values)
      : backend_(backend),
        value_bytes_(kOfActivations ? backend.activation_bytes() : sizeof(Real)),
        memory_(backend.allocate((values.size() + 2 * kGuard) * value_bytes_)) {
    host_.assign(values.size() + 2 * kGuard, kSentinel);
    std::copy(values.begin(), values.end(), host_.begin() + kGuard);
    if constexpr (kOfActivations) {
      backend.activations_to_device(memory_.template as<void>(), host_.data(), host_.size());
    } else {
      backend.to_device(memory_.template as<void>(), host_.data(), host_.size() * sizeof(Real));
    }
  }
  Array(BasicTrainingBackend<Real>& backend, std::size_t count)
      : Array(backend, std::vector<double>(count, std::nan(""))) {}

  Pointer data() {
    return static_cast<Pointer>(
        static_cast<void*>(memory_.template as<std::byte>() + kGuard * value_bytes_));
  }
  std::vector<Real> values() {
    if constexpr (kOfActivations) {
      backend_.activations_to_host_sync(host_.data(), memory_.template as<void>(), host_.size());
    } else {
      backend_.to_host_sync(host_.data(), memory_.template as<void>(), host_.size() * sizeof(Real));
    }
    for (std::size_t i = 0; i < kGuard; ++i) {
      EXPECT_EQ(host_[i], kSentinel) << "written before an array";
      EXPECT_EQ(host_[host_.size() - 1 - i], kSentinel) << "written behind an array";
    }
    return {host_.begin() + kGuard, host_.end() - kGuard};
  }

 private:
  static constexpr std::size_t kGuard = 128;  // 256 bytes of the narrowest type
  static constexpr Real kSentinel = -12288;   // exact in bf16
  BasicTrainingBackend<Real>& backend_;
  std::size_t value_bytes_;
  DeviceMemory memory_;
  std::vector<Real> host_;
};

template <class Real>
using Activations = Array<Real, true>;

template <class Real>
std::vector<Real> as_real(const std::vector<double>& values) {
  return {values.begin(), values.end()};
}

// Every operation's results, one after the other, so that devices can be compared.
template <class Real>
using Results = std::vector<std::vector<Real>>;

template <class Real>
Results<Real> run_conv(BasicTrainingBackend<Real>& backend, const Conv3x3Shape& shape,
                       Inputs inputs = Inputs::kFp32) {
  Results<Real> results;
  const std::vector<Real> canonical = as_real<Real>(noise(shape.weights_count(), 1, inputs));
  Array<Real> weights(backend, shape.weights_count());
  backend.conv3x3_weights_to_device(weights.data(), canonical.data(), shape);
  Array<Real> biases(backend, noise(shape.out_channels, 2, inputs));
  Activations<Real> x(backend, activations(shape.input_count(), 3, inputs));
  Activations<Real> y(backend, shape.output_count());
  backend.conv3x3(y.data(), x.data(), weights.data(), biases.data(), shape);
  results.push_back(y.values());

  Activations<Real> grad_y(backend, noise(shape.output_count(), 4, inputs));
  if (shape.in_channels > 1) {
    for (const bool x_is_relu : {false, true}) {
      Activations<Real> grad_x(backend, shape.input_count());
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
Results<Real> run_dense(BasicTrainingBackend<Real>& backend, const DenseShape& shape,
                        Inputs inputs = Inputs::kFp32) {
  Results<Real> results;
  const std::vector<Real> canonical = as_real<Real>(noise(shape.in * shape.out, 1, inputs));
  Array<Real> weights(backend, shape.in * shape.out);
  backend.dense_weights_to_device(weights.data(), canonical.data(), shape);
  std::vector<Real> back(canonical.size());
  backend.dense_weights_to_host_sync(back.data(), weights.data(), shape);
  EXPECT_EQ(back, canonical);
  Array<Real> biases(backend, noise(shape.out, 2, inputs));
  Activations<Real> x(backend, activations(shape.n * shape.in, 3, inputs));
  Activations<Real> grad_y(backend, noise(shape.n * shape.out, 4, inputs));
  for (const bool relu : {false, true}) {
    Activations<Real> y(backend, shape.n * shape.out);
    backend.dense(y.data(), x.data(), weights.data(), biases.data(), relu, shape);
    results.push_back(y.values());
    Activations<Real> grad_x(backend, shape.n * shape.in);
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
Results<Real> run_pool(BasicTrainingBackend<Real>& backend, const MaxPoolShape& shape,
                       Inputs inputs) {
  Results<Real> results;
  // Small integers: ties and windows of zeros are frequent.
  std::vector<double> values = noise(shape.input_count(), 5);
  for (double& value : values) {
    value = std::max(0.0, std::floor(value * 4));
  }
  Activations<Real> x(backend, values), y(backend, shape.output_count());
  DeviceMemory cache = backend.allocate(backend.maxpool2x2_cache_bytes(shape));
  backend.maxpool2x2(y.data(), cache.template as<void>(), x.data(), shape);
  results.push_back(y.values());
  Activations<Real> grad_y(backend, noise(shape.output_count(), 6, inputs));
  Activations<Real> grad_x(backend, shape.input_count());
  backend.maxpool2x2_bwd(grad_x.data(), grad_y.data(), cache.template as<void>(), shape);
  results.push_back(grad_x.values());
  return results;
}

template <class Real>
Results<Real> run_small_operations(BasicTrainingBackend<Real>& backend, std::size_t n,
                                   std::size_t k, Inputs inputs = Inputs::kFp32) {
  Results<Real> results;
  const std::size_t count = n * k;
  Activations<Real> x(backend, noise(count, 1, inputs)), y(backend, count);
  Array<Real> losses(backend, n);
  Array<Real> mean(backend, noise(k, 2)), scale(backend, noise(k, 3));
  Array<Real> targets(backend, activations(count, 4));
  backend.standardise(y.data(), x.data(), mean.data(), scale.data(), n, k);
  results.push_back(y.values());
  backend.standardise_bwd(y.data(), x.data(), scale.data(), n, k);
  results.push_back(y.values());
  backend.softmax_cross_entropy(losses.data(), y.data(), x.data(), targets.data(), n, k);
  results.push_back(losses.values());
  results.push_back(y.values());
  const DropoutBatch batch{.seed = 99, .first_example = 5};
  const DeviceMemory batch_memory = backend.allocate(sizeof batch);
  backend.to_device(batch_memory.as<void>(), &batch, sizeof batch);
  backend.dropout(y.data(), batch_memory.as<DropoutBatch>(), count,
                  {.drop_probability = 0.25, .seed_offset = 7, .example_values = 3});
  results.push_back(y.values());

  const double start = 0.5;
  const DeviceMemory total = backend.allocate(sizeof(double));
  backend.to_device(total.as<double>(), &start, sizeof(double));
  Array<Real> factor(backend, 1), first(backend, activations(count, 5));
  Array<Real> second(backend, activations(count, 6)), gradient(backend, noise(count, 7));
  Array<Real> parameters(backend, noise(count, 1));
  backend.add_squares(total.as<double>(), gradient.data(), count);
  backend.clip_factor(factor.data(), total.as<double>(), 0.75);
  results.push_back(factor.values());
  const DeviceMemory step = backend.allocate(sizeof(OptimiserStep));
  backend.optimiser_step_to_device(step.as<void>(), optimiser_step(0.02, 3));
  backend.adamw(parameters.data(), first.data(), second.data(), gradient.data(), factor.data(),
                count, step.as<void>(), {.learning_rate_scale = 0.5, .weight_decay = 0.1});
  for (Array<Real>* array : {&parameters, &first, &second}) {
    results.push_back(array->values());
  }
  backend.sgd(parameters.data(), first.data(), gradient.data(), nullptr, count, step.as<void>(),
              {.learning_rate_scale = 0.5, .weight_decay = 0.1});
  results.push_back(parameters.values());
  results.push_back(first.values());
  return results;
}

inline void expect_close(const Results<float>& actual, const Results<double>& expected,
                         double tolerance) {
  ASSERT_EQ(actual.size(), expected.size());
  for (std::size_t i = 0; i < actual.size(); ++i) {
    expect_within(
        relative_l2(std::span<const float>(actual[i]), std::span<const double>(expected[i])),
        tolerance, ("result " + std::to_string(i)).c_str());
  }
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
    const DeviceMemory step_memory = backend.allocate(sizeof(OptimiserStep));
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
      backend.optimiser_step_to_device(step_memory.as<void>(),
                                       optimiser_step(0.01, static_cast<std::int64_t>(step) + 1));
      if (std::string(name) == "sgd") {
        backend.sgd(parameters.data(), first.data(), gradient.data(), scale, count,
                    step_memory.as<void>(), {.weight_decay = 0.1, .momentum = 0.9});
      } else {
        backend.adamw(parameters.data(), first.data(), second.data(), gradient.data(), scale, count,
                      step_memory.as<void>(), {.weight_decay = 0.1});
      }
      expect_within(
          max_abs_difference<Real, double>(
              parameters.values(), expected["after"][step].template get<std::vector<double>>()),
          tolerance, "parameters");
    }
  }
}

template <class Device>
class TrainingDevice : public ::testing::Test {};
TYPED_TEST_SUITE_P(TrainingDevice);

TYPED_TEST_P(TrainingDevice, convolutions_match_the_reference) {
  ReferenceTraining reference;
  for (const Conv3x3Shape& shape : TypeParam::convs()) {
    SCOPED_TRACE(::testing::Message() << shape.in_channels << " to " << shape.out_channels);
    const Results<double> expected = run_conv(reference, shape, TypeParam::kInputs);
    const double tolerance =
        shape.in_channels == 1 ? TypeParam::kDirectTolerance : TypeParam::kConvTolerance;
    TypeParam::for_each_variant([&](TrainingBackend& backend) {
      expect_close(run_conv(backend, shape, TypeParam::kInputs), expected, tolerance);
    });
  }
}

TYPED_TEST_P(TrainingDevice, dense_layers_match_the_reference) {
  ReferenceTraining reference;
  for (const DenseShape& shape : TypeParam::dense()) {
    SCOPED_TRACE(shape.in);
    const Results<double> expected = run_dense(reference, shape, TypeParam::kInputs);
    TypeParam::for_each_variant([&](TrainingBackend& backend) {
      expect_close(run_dense(backend, shape, TypeParam::kInputs), expected,
                   TypeParam::kDirectTolerance);
    });
  }
}

TYPED_TEST_P(TrainingDevice, pools_are_exact) {
  ReferenceTraining reference;
  for (const MaxPoolShape& shape : TypeParam::pools()) {
    const Results<double> expected = run_pool(reference, shape, TypeParam::kInputs);
    TypeParam::for_each_variant([&](TrainingBackend& backend) {
      // Nothing is computed.
      expect_close(run_pool(backend, shape, TypeParam::kInputs), expected, 0);
    });
  }
}

TYPED_TEST_P(TrainingDevice, loss_and_optimisers_match_the_reference) {
  ReferenceTraining reference;
  const Results<double> expected = run_small_operations(reference, 33, 97, TypeParam::kInputs);
  TypeParam::for_each_variant([&](TrainingBackend& backend) {
    expect_close(run_small_operations(backend, 33, 97, TypeParam::kInputs), expected,
                 TypeParam::kDirectTolerance);
  });
}

TYPED_TEST_P(TrainingDevice, steps_are_those_of_pytorch) {
  TypeParam::for_each_variant(
      [](TrainingBackend& backend) { compare_optimisers_with_pytorch(backend, 4e-6); });
}

TYPED_TEST_P(TrainingDevice, the_same_calls_give_the_same_bits) {
  TypeParam::for_each_variant([](TrainingBackend& backend) {
    const Conv3x3Shape conv = TypeParam::convs().back();
    const DenseShape dense = TypeParam::dense().front();
    EXPECT_EQ(run_conv(backend, conv), run_conv(backend, conv));
    EXPECT_EQ(run_dense(backend, dense), run_dense(backend, dense));
    EXPECT_EQ(run_small_operations(backend, 9, 33), run_small_operations(backend, 9, 33));
  });
}

REGISTER_TYPED_TEST_SUITE_P(TrainingDevice, convolutions_match_the_reference,
                            dense_layers_match_the_reference, pools_are_exact,
                            loss_and_optimisers_match_the_reference, steps_are_those_of_pytorch,
                            the_same_calls_give_the_same_bits);

}  // namespace vggroove::testing

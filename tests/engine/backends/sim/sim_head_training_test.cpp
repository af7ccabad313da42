// Heads that train together on the CUDA backend, played by the processor, against those that the
// cpu trains; and the products of many layers at once.
#include <gtest/gtest.h>

#include <algorithm>
#include <string>
#include <vector>

#include "engine/backends/cuda/dense.h"
#include "engine/backends/cuda/head_training.h"
#include "engine/backends/sim/simulator.h"
#include "tests/engine/backends/sim/device_array.h"
#include "tests/support/compare.h"
#include "tests/support/expect_error.h"
#include "tests/support/sim_violation.h"
#include "tests/train/toy_features.h"
#include "train/cross_validation.h"
#include "train/device_head_trainer.h"

namespace vggroove {
namespace {

using cuda::CudaHeadTraining;
using sim::Simulator;
using testing::clips_from_to;
using testing::expect_within;
using testing::toy_features;

class SimHeads : public ::testing::Test {
 protected:
  void TearDown() override { EXPECT_EQ(Simulator::get().leaks(), ""); }
};

// Settings of every kind; most of them stop at different epochs.
std::vector<HeadTrainingOptions> various_settings(double dropout) {
  std::vector<HeadTrainingOptions> settings;
  for (const int num_hidden : {0, 5, 16}) {
    for (const double weight_decay : {0.0, 0.4}) {
      HeadTrainingOptions setting;
      setting.num_hidden = num_hidden;
      setting.dropout = dropout;
      setting.learning_rate = num_hidden == 5 ? 0.01 : 0.02;
      setting.weight_decay = weight_decay;
      setting.label_smoothing = weight_decay / 4;
      // Never a multiple of the three classes: where all have as many rows the first gradient of
      // the biases is 0, and AdamW makes a whole step of what rounding leaves of it.
      setting.batch_size = num_hidden == 16 ? 35 : 32;
      setting.max_epochs = 6;
      setting.patience = 1;
      setting.seed = num_hidden == 5 ? 7 : 3;
      settings.push_back(setting);
    }
  }
  return settings;
}

// A gradient's sums of some 30 terms are off by a few roundings of the largest, 1e-6 of a usual
// element. AdamW divides by the element's size: a step, the learning rate times a number around 1,
// is off by 1e-6 of it where the element is usual, and by all of it where it is below 1e-6 of that,
// as one in 10^6 is. 40 steps of 0.02 then differ by 1e-6 from weights around 0.5; a factor of 20
// is for what the differences make of each other.
constexpr double kTolerance = 2e-5;

void expect_same_training(const TrainedHead& actual, const TrainedHead& expected) {
  ASSERT_EQ(actual.epochs.size(), expected.epochs.size());
  EXPECT_EQ(actual.best_epoch, expected.best_epoch);
  for (std::size_t e = 0; e < expected.epochs.size(); ++e) {
    EXPECT_NEAR(actual.epochs[e].train_loss, expected.epochs[e].train_loss, kTolerance);
    EXPECT_NEAR(actual.epochs[e].validation_loss, expected.epochs[e].validation_loss, kTolerance);
  }
  const auto close = [](const std::vector<float>& a, const std::vector<float>& b,
                        const char* what) {
    ASSERT_EQ(a.size(), b.size());
    if (!b.empty()) {
      expect_within(testing::relative_l2<float, float>(a, b), kTolerance, what);
    }
  };
  close(actual.head.hidden_weights, expected.head.hidden_weights, "hidden weights");
  close(actual.head.hidden_biases, expected.head.hidden_biases, "hidden biases");
  close(actual.head.logits_weights, expected.head.logits_weights, "logits weights");
  close(actual.head.logits_biases, expected.head.logits_biases, "logits biases");
  EXPECT_EQ(actual.head.mean, expected.head.mean);
  EXPECT_EQ(actual.head.scale, expected.head.scale);
}

// Two folds of different sizes: the last batches of their epochs differ, and one has more of them.
TEST_F(SimHeads, of_several_folds_and_settings_train_as_on_the_cpu) {
  const FeatureSet features = toy_features(3, 12, 0.3, 1, 7);
  const std::vector<HeadTrainingOptions> settings = various_settings(0);
  const auto all = clips_from_to(0, 36);
  const std::span<const std::size_t> clips(all);
  const HeadTask tasks[] = {{clips.subspan(0, 21), clips.subspan(21, 9), settings},
                            {clips.subspan(9, 20), clips.subspan(0, 8), settings}};
  CudaHeadTraining device("sim", Precision::kFp32);
  EXPECT_EQ(device.description(), "sim (simulated GPU)");
  std::size_t num_epochs = 0;
  const auto trained =
      train_heads_on(device, features, tasks, 2,
                     [&](std::size_t, std::size_t, const HeadEpoch&) { ++num_epochs; });
  std::size_t num_expected = 0, longest = 0, shortest = 99;
  for (std::size_t t = 0; t < 2; ++t) {
    const std::vector<TrainedHead> expected =
        train_heads(features, tasks[t].train_clips, tasks[t].validation_clips, settings);
    ASSERT_EQ(trained[t].size(), settings.size());
    for (std::size_t s = 0; s < settings.size(); ++s) {
      SCOPED_TRACE("task " + std::to_string(t) + ", setting " + std::to_string(s));
      expect_same_training(trained[t][s], expected[s]);
      num_expected += expected[s].epochs.size();
      longest = std::max(longest, expected[s].epochs.size());
      shortest = std::min(shortest, expected[s].epochs.size());
    }
  }
  EXPECT_EQ(num_epochs, num_expected);
  EXPECT_LT(shortest, longest);  // else none was left out on the way
}

// The stream of numbers that says which units fall is one for all devices.
TEST_F(SimHeads, drop_the_units_that_the_cpu_drops) {
  const FeatureSet features = toy_features(3, 12, 1.5, 1, 7);
  HeadTrainingOptions options = various_settings(0.4)[2];
  options.max_epochs = 2;
  const auto train = clips_from_to(0, 25), valid = clips_from_to(25, 36);
  CudaHeadTraining device("sim", Precision::kFp32);
  const HeadTask task{train, valid, {&options, 1}};
  expect_same_training(train_heads_on(device, features, {&task, 1})[0][0],
                       train_head(features, train, valid, options));
}

TEST_F(SimHeads, have_the_bits_that_they_would_have_alone) {
  const FeatureSet features = toy_features(3, 12, 1.5, 1, 7);
  const std::vector<HeadTrainingOptions> settings = various_settings(0.4);
  const auto train = clips_from_to(0, 25), valid = clips_from_to(25, 36);
  CudaHeadTraining device("sim", Precision::kFp32);
  const HeadTask all{train, valid, settings};
  const auto together = train_heads_on(device, features, {&all, 1});
  for (std::size_t s = 2; s < settings.size(); s += 3) {
    const HeadTask one{train, valid, {&settings[s], 1}};
    EXPECT_TRUE(testing::same_bits(train_heads_on(device, features, {&one, 1})[0][0].head,
                                   together[0][s].head))
        << "setting " << s;
  }
}

TEST_F(SimHeads, without_validation_clips_run_every_epoch) {
  const FeatureSet features = toy_features(2, 8, 2, 1, 5);
  HeadTrainingOptions options = various_settings(0)[3];
  options.max_epochs = 3;
  const auto train = clips_from_to(0, 16);
  CudaHeadTraining device("sim", Precision::kFp32);
  const HeadTask task{train, {}, {&options, 1}};
  const TrainedHead trained = train_heads_on(device, features, {&task, 1})[0][0];
  EXPECT_EQ(trained.best_epoch, 3);
  const TrainedHead expected = train_head(features, train, {}, options);
  expect_within(
      testing::relative_l2<float, float>(trained.head.logits_weights, expected.head.logits_weights),
      kTolerance, "logits weights");
}

TEST_F(SimHeads, in_tf32_are_close) {
  const FeatureSet features = toy_features(3, 12, 1.5, 1, 7);
  HeadTrainingOptions options = various_settings(0)[4];
  options.max_epochs = 2;
  const auto train = clips_from_to(0, 25), valid = clips_from_to(25, 36);
  CudaHeadTraining device("sim", Precision::kTf32);
  const HeadTask task{train, valid, {&options, 1}};
  const TrainedHead trained = train_heads_on(device, features, {&task, 1})[0][0];
  const TrainedHead expected = train_head(features, train, valid, options);
  // Factors of 11 bits, 5e-4, and steps that divide by the gradient's size.
  const double error =
      testing::relative_l2<float, float>(trained.head.hidden_weights, expected.head.hidden_weights);
  expect_within(error, 2e-2, "hidden weights");
  CudaHeadTraining exact("sim", Precision::kFp32);
  EXPECT_FALSE(
      testing::same_bits(trained.head, train_heads_on(exact, features, {&task, 1})[0][0].head));
}

TEST_F(SimHeads, say_when_they_diverge_and_name_options_out_of_range) {
  const FeatureSet features = toy_features(3, 12, 1, 1, 7);
  HeadTrainingOptions options = various_settings(0)[2];
  options.learning_rate = 1e38;
  options.weight_decay = 0;
  const auto train = clips_from_to(0, 36);
  CudaHeadTraining device("sim", Precision::kFp32);
  const HeadTask task{train, {}, {&options, 1}};
  testing::expect_error(ErrorClass::kInvalid, "lower the learning rate", [&] {
    train_heads_on(device, features, {&task, 1});
  });
  options.dropout = 1;
  testing::expect_error(ErrorClass::kUsage, "dropout", [&] {
    train_heads_on(device, features, {&task, 1});
  });
}

TEST_F(SimHeads, give_cross_validation_the_predictions_and_choices_of_the_cpu) {
  const FeatureSet features = toy_features(3, 10, 1.5, 1, 7);
  HeadCrossValidation options;
  options.head.num_members = 2;
  options.num_inner_folds = 2;
  options.settings = {various_settings(0)[0], various_settings(0)[3], various_settings(0)[5]};
  const std::vector<Partition> partitions = fold_partitions(features, 3, 1, false, 0);
  const CrossValidationReport expected = cross_validate(features, partitions, options).front();
  CudaHeadTraining device("sim", Precision::kFp32);
  options.head.device = &device;
  std::vector<std::size_t> done;
  const CrossValidationReport actual =
      cross_validate(features, partitions, options, [&](std::size_t n) {
        done.push_back(n);
      }).front();
  EXPECT_EQ(done.front(), 0U);  // signs of life
  EXPECT_EQ(done.back(), 3U);
  for (std::size_t fold = 0; fold < partitions.size(); ++fold) {
    EXPECT_EQ(actual.folds[fold].setting, expected.folds[fold].setting);
    for (std::size_t m = 0; m < 2; ++m) {
      EXPECT_EQ(actual.folds[fold].members[m].best_epoch,
                expected.folds[fold].members[m].best_epoch);
    }
  }
  expect_within(
      testing::max_abs_difference<double, double>(actual.repetitions.front().probabilities,
                                                  expected.repetitions.front().probabilities),
      kTolerance, "probabilities");
  EXPECT_EQ(actual.per_clip.accuracy.value, expected.per_clip.accuracy.value);
}

// Three layers of 12 x 20 inputs and 8 outputs, whose weights are 192 elements apart.
struct Layers {
  static constexpr std::size_t kLayers = 3, kRows = 12, kInputs = 20, kOutputs = 8, kStride = 192;

  cuda::DenseProduct product(cuda::DenseProduct::Pass pass) const {
    return {.pass = pass,
            .n = kRows,
            .inputs = kInputs,
            .outputs = kOutputs,
            .bias = false,
            .layers = kLayers,
            .weight_stride = kStride};
  }
  std::vector<float> x = testing::ramp(kLayers * kRows * kInputs, 1),
                     weight = testing::ramp(kLayers * kStride, 2),
                     grad_y = testing::ramp(kLayers * kRows * kOutputs, 3);

  // result += left * right over the layers, rows, inputs and outputs: calls add(x, w, y).
  template <class Add>
  void for_each_product(Add add) const {
    for (std::size_t layer = 0; layer < kLayers; ++layer) {
      for (std::size_t row = 0; row < kRows; ++row) {
        for (std::size_t i = 0; i < kInputs; ++i) {
          for (std::size_t o = 0; o < kOutputs; ++o) {
            add((layer * kRows + row) * kInputs + i, layer * kStride + i * kOutputs + o,
                (layer * kRows + row) * kOutputs + o);
          }
        }
      }
    }
  }
  std::vector<float> run(cuda::DenseProduct::Pass pass, std::size_t result_count,
                         const std::vector<float>& left, const std::vector<float>& right) const {
    const cuda::CudaStream stream;
    const cuda::CublasLtHandle handle;
    const testing::DeviceArray left_dev(stream, left, false), right_dev(stream, right, false),
        result(stream, std::vector<float>(result_count), false);
    const cuda::DensePlan plan(handle, product(pass));
    const cuda::DeviceBuffer workspace(plan.workspace_bytes());
    plan.run(stream.get(), {result.data(), left_dev.data(), right_dev.data(), nullptr},
             workspace.data());
    return result.to_host_sync(stream);
  }
};

TEST_F(SimHeads, products_of_many_layers_are_those_of_each) {
  using Pass = cuda::DenseProduct::Pass;
  const Layers layers;
  std::vector<double> y(layers.grad_y.size()), grad_x(layers.x.size()),
      grad_weight(layers.weight.size());
  const auto in_double = [](float a, float b) {
    return static_cast<double>(a) * static_cast<double>(b);
  };
  layers.for_each_product([&](std::size_t x, std::size_t w, std::size_t out) {
    y[out] += in_double(layers.x[x], layers.weight[w]);
    grad_x[x] += in_double(layers.grad_y[out], layers.weight[w]);
    grad_weight[w] += in_double(layers.x[x], layers.grad_y[out]);
  });
  const auto expect_close = [](const std::vector<float>& actual,
                               const std::vector<double>& expected, const char* what) {
    expect_within(testing::relative_l2<float, double>(actual, expected), 0x1p-24, what);
  };
  expect_close(layers.run(Pass::kFprop, y.size(), layers.x, layers.weight), y, "y");
  expect_close(layers.run(Pass::kDgrad, grad_x.size(), layers.grad_y, layers.weight), grad_x,
               "grad_x");
  // What lies between the layers stays as it was.
  expect_close(layers.run(Pass::kWgrad, grad_weight.size(), layers.x, layers.grad_y), grad_weight,
               "grad_weight");
}

TEST_F(SimHeads, layers_that_overlap_or_lie_askew_or_end_too_late_are_found) {
  const cuda::CublasLtHandle handle;
  const cuda::CudaStream stream;
  const Layers layers;
  const auto plan_of = [&](std::size_t stride, std::size_t rows, bool bias) {
    cuda::DenseProduct product = layers.product(cuda::DenseProduct::Pass::kFprop);
    product.weight_stride = stride;
    product.n = rows;
    product.bias = bias;
    return cuda::DensePlan(handle, product);
  };
  testing::expect_violation("overlap, 159 elements apart", [&] { plan_of(159, 12, false); });
  testing::expect_violation("not 16-byte aligned", [&] { plan_of(193, 12, false); });
  testing::expect_violation("epilogues for many", [&] { plan_of(192, 12, true); });
  const cuda::DensePlan plan = plan_of(192, 12, false);
  const cuda::DeviceBuffer x(layers.x.size() * 4), y(layers.grad_y.size() * 4),
      two_weights(2 * 192 * 4), workspace(plan.workspace_bytes());
  testing::expect_violation("beyond the end of device memory", [&] {
    plan.run(stream.get(), {y.data(), x.data(), two_weights.data(), nullptr}, workspace.data());
  });
}

}  // namespace
}  // namespace vggroove

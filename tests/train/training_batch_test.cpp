// What a training batch is made of, and the schedules; against PyTorch (tests/golden/training)
// where it has the same.
#include "train/training_batch.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <fstream>
#include <nlohmann/json.hpp>
#include <set>
#include <string>

#include "engine/backends/training_arithmetic.h"
#include "kernels/dsp/logmel.h"
#include "tests/support/compare.h"
#include "tests/train/toy_features.h"

namespace vggroove {
namespace {

using testing::expect_within;
using testing::toy_features;

constexpr ExampleShape kShape{4, 3};
const std::vector<double> kEqualWeights = {1, 1};

nlohmann::json golden(const char* name) {
  std::ifstream file(std::string(VGGROOVE_GOLDEN_DIR) + "/training/golden.json");
  return nlohmann::json::parse(file).at(name);
}

// Two clips of 5 examples whose values count their frames: frame f of a clip is f everywhere.
FeatureSet counting_logmels() {
  FeatureSet logmels = toy_features(2, 1, 0, 1, static_cast<int>(kShape.count()), 5);
  for (std::size_t i = 0; i < logmels.rows.size(); ++i) {
    logmels.rows[i] = static_cast<float>(i % (5 * kShape.count()) / kShape.bands);
  }
  return logmels;
}

TEST(TrainingBatch, takes_the_rows_as_they_are) {
  const FeatureSet logmels = counting_logmels();
  const TrainingRow rows[] = {{1, 4}, {0, 0}};
  const TrainingBatch batch = make_batch(logmels, kShape, rows, kEqualWeights, {}, 1, 0);
  EXPECT_TRUE(
      std::equal(batch.logmel.begin(), batch.logmel.begin() + 12, logmels.rows.begin() + 9 * 12));
  EXPECT_TRUE(std::equal(batch.logmel.begin() + 12, batch.logmel.end(), logmels.rows.begin()));
  EXPECT_EQ(batch.targets, (std::vector<float>{0, 1, 1, 0}));
  EXPECT_EQ(batch.labels, (std::vector<int>{1, 0}));
}

TEST(TrainingBatch, crops_begin_at_every_frame_and_hold_consecutive_ones) {
  const FeatureSet logmels = counting_logmels();
  FinetuneOptions options;
  options.augmentation.random_crop = true;
  std::set<float> begins;
  for (std::size_t position = 0; position < 400; ++position) {
    const TrainingRow row{0, 0};
    const TrainingBatch batch =
        make_batch(logmels, kShape, {&row, 1}, kEqualWeights, options, 1, position);
    begins.insert(batch.logmel[0]);
    for (std::size_t i = 0; i < kShape.count(); ++i) {
      ASSERT_EQ(batch.logmel[i], batch.logmel[0] + static_cast<float>(i / kShape.bands));
    }
  }
  EXPECT_EQ(begins.size(), 17U);  // 20 frames hold 4 at 17 places
  EXPECT_EQ(*begins.rbegin(), 16);
}

TEST(TrainingBatch, gain_is_that_of_a_louder_recording) {
  FeatureSet logmels = counting_logmels();
  for (float& value : logmels.rows) {
    value = static_cast<float>(std::log(0.3 + LogMelSpec::kLogOffset));
  }
  FinetuneOptions options;
  options.augmentation.gain_db = 6;
  double least = 0, most = 0;
  for (std::size_t position = 0; position < 200; ++position) {
    const TrainingRow row{0, 0};
    const TrainingBatch batch =
        make_batch(logmels, kShape, {&row, 1}, kEqualWeights, options, 1, position);
    const double mel = std::exp(static_cast<double>(batch.logmel[0])) - LogMelSpec::kLogOffset;
    const double gain_db = 20 * std::log10(mel / 0.3);
    least = std::min(least, gain_db);
    most = std::max(most, gain_db);
  }
  EXPECT_TRUE(least >= -6.001 && least < -5.5) << least;
  EXPECT_TRUE(most <= 6.001 && most > 5.5) << most;
}

TEST(TrainingBatch, masks_are_stripes_of_silence_no_wider_than_allowed) {
  const FeatureSet logmels = counting_logmels();
  const auto silence = static_cast<float>(std::log(LogMelSpec::kLogOffset));
  FinetuneOptions options;
  options.augmentation.num_time_masks = 1;
  options.augmentation.max_time_frames = 2;
  std::set<std::size_t> widths;
  for (std::size_t position = 0; position < 100; ++position) {
    const TrainingRow row{0, 1};
    const TrainingBatch batch =
        make_batch(logmels, kShape, {&row, 1}, kEqualWeights, options, 1, position);
    const auto masked = std::count(batch.logmel.begin(), batch.logmel.end(), silence);
    ASSERT_EQ(masked % static_cast<int>(kShape.bands), 0);
    widths.insert(static_cast<std::size_t>(masked) / kShape.bands);
  }
  EXPECT_EQ(widths, (std::set<std::size_t>{0, 1, 2}));
}

// Every process of a training makes its part of a batch alone.
TEST(TrainingBatch, a_part_is_what_it_is_in_the_whole_batch) {
  const FeatureSet logmels = counting_logmels();
  FinetuneOptions options;
  options.augmentation = {.random_crop = true,
                          .time_stretch = 1.2,
                          .band_shift = 1,
                          .gain_db = 3,
                          .filter_db = 3,
                          .num_time_masks = 1,
                          .max_time_frames = 2,
                          .num_band_masks = 1,
                          .max_bands = 2};
  const TrainingRow rows[] = {{0, 0}, {1, 0}, {0, 1}, {1, 1}, {0, 2}};
  for (const double alpha : {0.0, 0.4}) {
    options.augmentation.mixup_alpha = alpha;
    for (std::size_t position = 0; position < 10; ++position) {  // larger shares on either side
      const TrainingBatch whole =
          make_batch(logmels, kShape, rows, kEqualWeights, options, 1, position);
      TrainingBatch joined;
      for (const BatchPart& part : {BatchPart{0, 2}, BatchPart{2, 3}, BatchPart{3, 5}}) {
        const TrainingBatch batch =
            make_batch(logmels, kShape, rows, kEqualWeights, options, 1, position, part);
        EXPECT_EQ(batch.labels.size(), part.end - part.first);
        joined.logmel.insert(joined.logmel.end(), batch.logmel.begin(), batch.logmel.end());
        joined.targets.insert(joined.targets.end(), batch.targets.begin(), batch.targets.end());
        joined.labels.insert(joined.labels.end(), batch.labels.begin(), batch.labels.end());
      }
      EXPECT_EQ(joined.logmel, whole.logmel);
      EXPECT_EQ(joined.targets, whole.targets);
      EXPECT_EQ(joined.labels, whole.labels);
    }
  }
}

TEST(TrainingBatch, mixup_mixes_examples_and_targets_in_one_proportion) {
  FeatureSet logmels = counting_logmels();
  std::fill_n(logmels.rows.begin(), 60, 1.0F);  // clip 0
  std::fill_n(logmels.rows.begin() + 60, 60, 0.0F);
  FinetuneOptions options;
  options.augmentation.mixup_alpha = 0.5;
  const TrainingRow rows[] = {{0, 0}, {1, 0}};
  std::set<float> shares;
  for (std::size_t position = 0; position < 20; ++position) {
    const TrainingBatch batch =
        make_batch(logmels, kShape, rows, kEqualWeights, options, 1, position);
    const float share = batch.logmel[0];
    shares.insert(share);
    ASSERT_TRUE(share >= 0 && share <= 1);
    EXPECT_EQ(batch.targets[0], share);
    EXPECT_EQ(batch.labels[0], share < 0.5F ? 1 : 0);
    expect_within(std::abs(batch.targets[0] + batch.targets[1] - 1), 1e-6, "sum of the targets");
  }
  EXPECT_EQ(shares.size(), 20U);
}

TEST(TrainingBatch, an_epoch_has_every_row_once_in_an_order_of_its_own) {
  const FeatureSet logmels = counting_logmels();
  const std::size_t clips[] = {0, 1};
  std::set<std::vector<std::size_t>> orders;
  for (int epoch = 1; epoch <= 5; ++epoch) {
    std::vector<std::size_t> order;
    for (const TrainingRow& row : shuffled_rows(logmels, clips, 7, epoch)) {
      order.push_back(row.clip * 5 + row.row);
    }
    orders.insert(order);
    std::sort(order.begin(), order.end());
    for (std::size_t i = 0; i < 10; ++i) {
      ASSERT_EQ(order.at(i), i);
    }
  }
  EXPECT_EQ(orders.size(), 5U);
}

TEST(TrainingBatch, balanced_weights_make_classes_count_the_same) {
  FeatureSet logmels = counting_logmels();
  logmels.labels.push_back("nobody's");
  logmels.clips[1].num_rows = 1;
  const std::size_t clips[] = {0, 1};
  const std::vector<double> weights = balanced_class_weights(logmels, clips);
  expect_within(std::abs(weights[0] * 5 - 3), 1e-12, "five examples");
  expect_within(std::abs(weights[1] * 1 - 3), 1e-12, "one example");
  EXPECT_EQ(weights[2], 0);
}

TEST(TrainingBatch, loss_with_class_weights_and_smoothing_is_that_of_pytorch) {
  const nlohmann::json expected = golden("cross_entropy");
  const std::vector<int> labels = expected["labels"];
  const std::vector<float> logits = expected["logits"];
  const std::vector<double> weights = expected["class_weights"];
  FeatureSet logmels = toy_features(static_cast<int>(weights.size()), 2, 0, 1, 12, 1);
  std::vector<TrainingRow> rows;
  for (const int label : labels) {
    rows.push_back({static_cast<std::size_t>(label), 0});  // clip i is of class i
  }
  FinetuneOptions options;
  options.label_smoothing = expected["smoothing"];
  TrainingBatch batch = make_batch(logmels, kShape, rows, weights, options, 1, 0);
  double total = 0;
  for (const int label : labels) {
    total += weights[static_cast<std::size_t>(label)];
  }
  for (float& target : batch.targets) {
    target /= static_cast<float>(total);
  }
  std::vector<float> losses(rows.size()), gradient(logits.size());
  softmax_cross_entropy_on_host(losses.data(), gradient.data(), logits.data(), batch.targets.data(),
                                rows.size(), weights.size());
  double loss = 0;
  for (const float row : losses) {
    loss += row;
  }
  expect_within(std::abs(loss - expected["loss"].get<double>()), 1e-6, "loss");
  expect_within(testing::max_abs_difference<float, double>(
                    gradient, expected["gradient"].get<std::vector<double>>()),
                1e-7, "gradient");
}

TEST(Schedule, is_that_of_pytorch) {
  const nlohmann::json expected = golden("schedules");
  FinetuneOptions options;
  options.learning_rate = expected["base"];
  options.step_epochs = 5;
  const std::int64_t num_steps = expected["steps"];
  const auto check = [&](ScheduleKind kind, int warm_up, const char* name) {
    options.schedule = kind;
    options.warm_up_steps = warm_up;
    for (std::int64_t step = 0; step < num_steps; ++step) {
      const double rate = scheduled_learning_rate(options, step, num_steps, 1);
      expect_within(std::abs(rate - expected[name][static_cast<std::size_t>(step)].get<double>()),
                    1e-12, name);
    }
  };
  check(ScheduleKind::kCosine, expected["warm_up"], "cosine");
  check(ScheduleKind::kStep, expected["warm_up"], "step");
  check(ScheduleKind::kConstant, expected["warm_up"], "constant");
  check(ScheduleKind::kCosine, 0, "cosine_without_warm_up");
}

}  // namespace
}  // namespace vggroove

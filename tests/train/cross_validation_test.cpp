#include "train/cross_validation.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <set>
#include <string>
#include <vector>

#include "tests/support/compare.h"
#include "tests/support/expect_error.h"
#include "tests/train/toy_features.h"
#include "train/random.h"

namespace vggroove {
namespace {

using testing::toy_features;

CrossValidationOptions quick_options() {
  CrossValidationOptions options;
  options.num_folds = 5;
  options.head.num_members = 1;
  options.head.training.num_hidden = 8;
  options.head.training.learning_rate = 0.01;
  options.head.training.max_epochs = 15;
  return options;
}

TEST(CrossValidation, tests_every_clip_once) {
  const FeatureSet features = toy_features(3, 20, 10);
  const CrossValidationReport report = cross_validate(features, quick_options());
  ASSERT_EQ(report.folds.size(), 5U);
  std::multiset<std::size_t> tested;
  for (const FoldReport& fold : report.folds) {
    tested.insert(fold.test_clips.begin(), fold.test_clips.end());
    EXPECT_EQ(fold.metrics.num_clips, static_cast<std::int64_t>(fold.test_clips.size()));
    ASSERT_EQ(fold.members.size(), 1U);
    EXPECT_EQ(fold.members[0].num_train_clips + fold.members[0].num_validation_clips +
                  fold.test_clips.size(),
              60U);
  }
  EXPECT_EQ(tested.size(), 60U);
  EXPECT_EQ(std::set<std::size_t>(tested.begin(), tested.end()).size(), 60U);
  EXPECT_EQ(report.pooled.accuracy, 1.0);  // clouds that are far apart
  EXPECT_EQ(report.mean_accuracy, 1.0);
  EXPECT_EQ(report.std_accuracy, 0.0);
}

TEST(CrossValidation, summarises_its_folds) {
  const FeatureSet features = toy_features(3, 20, 1);
  const CrossValidationReport report = cross_validate(features, quick_options());
  double sum = 0, squares = 0, hits = 0;
  for (const FoldReport& fold : report.folds) {
    sum += fold.metrics.accuracy;
    squares += fold.metrics.accuracy * fold.metrics.accuracy;
    hits += fold.metrics.accuracy * static_cast<double>(fold.test_clips.size());
  }
  EXPECT_NEAR(report.mean_accuracy, sum / 5, 1e-12);
  EXPECT_NEAR(report.std_accuracy, std::sqrt((squares - sum * sum / 5) / 4), 1e-9);
  EXPECT_NEAR(report.pooled.accuracy, hits / 60, 1e-12);
  EXPECT_GT(report.std_accuracy, 0);
}

TEST(CrossValidation, does_not_depend_on_the_number_of_threads) {
  const FeatureSet features = toy_features(3, 15, 1);
  CrossValidationOptions options = quick_options();
  options.num_threads = 1;
  const CrossValidationReport one = cross_validate(features, options);
  options.num_threads = 4;
  const CrossValidationReport four = cross_validate(features, options);
  EXPECT_EQ(one.probabilities, four.probabilities);
  options.seed = 1;
  EXPECT_NE(one.probabilities, cross_validate(features, options).probabilities);
}

TEST(CrossValidation, of_shuffled_labels_is_at_chance) {
  FeatureSet features = toy_features(4, 50, 10);
  std::vector<int> labels;
  for (const FeatureSet::Clip& clip : features.clips) {
    labels.push_back(clip.label);
  }
  Random(5).shuffle(std::span(labels));
  for (std::size_t clip = 0; clip < labels.size(); ++clip) {
    features.clips[clip].label = labels[clip];
  }
  const double accuracy = cross_validate(features, quick_options()).pooled.accuracy;
  // 1/4 +- four standard errors of 200 clips
  testing::expect_within(std::abs(accuracy - 0.25), 4 * std::sqrt(0.25 * 0.75 / 200), "accuracy");
}

// Clips of a group share an offset that betrays the group, and labels belong to groups by chance:
// random folds find the group again and look good, grouped folds show that nothing was learned.
FeatureSet features_that_betray_their_group() {
  FeatureSet features = toy_features(2, 60, 0, 1, 16, 1);
  Random random(9);
  std::vector<float> offsets;
  for (std::size_t clip = 0; clip < features.clips.size(); ++clip) {
    const std::size_t group = clip / 6;
    if (clip % 6 == 0) {
      offsets.clear();
      for (int i = 0; i < 16; ++i) {
        offsets.push_back(static_cast<float>(10 * random.normal()));
      }
    }
    features.clips[clip].group = "group " + std::to_string(group);
    features.clips[clip].label = static_cast<int>(group % 2);
    for (std::size_t i = 0; i < 16; ++i) {
      features.rows[features.clips[clip].first_row * 16 + i] += offsets[i];
    }
  }
  return features;
}

TEST(CrossValidation, grouped_folds_show_what_random_folds_hide) {
  const FeatureSet features = features_that_betray_their_group();
  CrossValidationOptions options = quick_options();
  options.head.training.max_epochs = 60;
  EXPECT_GT(cross_validate(features, options).pooled.accuracy, 0.9);
  options.head.grouped = true;
  const CrossValidationReport grouped = cross_validate(features, options);
  EXPECT_LT(grouped.pooled.accuracy, 0.75);
  for (const FoldReport& fold : grouped.folds) {
    const std::set<std::size_t> tested(fold.test_clips.begin(), fold.test_clips.end());
    for (const std::size_t clip : fold.test_clips) {
      for (std::size_t other = clip / 6 * 6; other < clip / 6 * 6 + 6; ++other) {
        EXPECT_TRUE(tested.contains(other)) << clip << " and " << other << " are of one group";
      }
    }
  }
}

TEST(CrossValidation, counts_its_folds) {
  std::vector<std::size_t> done;
  cross_validate(toy_features(2, 10, 1), quick_options(),
                 [&](std::size_t folds) { done.push_back(folds); });
  EXPECT_EQ(done, (std::vector<std::size_t>{1, 2, 3, 4, 5}));
}

TEST(CrossValidation, an_error_in_a_fold_ends_it) {
  CrossValidationOptions options = quick_options();
  options.head.training.dropout = 2;
  testing::expect_error(ErrorClass::kUsage, "dropout",
                        [&] { cross_validate(toy_features(2, 10, 1), options); });
}

}  // namespace
}  // namespace vggroove

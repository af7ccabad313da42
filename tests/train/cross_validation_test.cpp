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

HeadCrossValidation quick_options() {
  HeadCrossValidation options;
  options.head.num_members = 1;
  options.head.training.num_hidden = 8;
  options.head.training.learning_rate = 0.01;
  options.head.training.max_epochs = 15;
  return options;
}

// Five folds, one repetition, one setting.
CrossValidationReport run(const FeatureSet& features, const HeadCrossValidation& options) {
  const std::vector<Partition> partitions =
      fold_partitions(features, 5, 1, options.head.grouped, options.seed);
  return cross_validate(features, partitions, options).front();
}

bool same_predictions(const CrossValidationReport& a, const CrossValidationReport& b) {
  return a.repetitions.front().probabilities == b.repetitions.front().probabilities &&
         a.repetitions.front().segment_probabilities == b.repetitions.front().segment_probabilities;
}

TEST(CrossValidation, tests_every_clip_once) {
  const FeatureSet features = toy_features(3, 20, 10);
  const CrossValidationReport report = run(features, quick_options());
  ASSERT_EQ(report.folds.size(), 5U);
  std::multiset<std::size_t> tested;
  for (const FoldReport& fold : report.folds) {
    tested.insert(fold.test_clips.begin(), fold.test_clips.end());
    EXPECT_EQ(fold.metrics.num_clips, static_cast<std::int64_t>(fold.test_clips.size()));
    EXPECT_EQ(fold.segment_metrics.num_clips, 3 * fold.metrics.num_clips);
    EXPECT_EQ(fold.train_clips.size() + fold.test_clips.size(), 60U);
    ASSERT_EQ(fold.members.size(), 1U);
    EXPECT_EQ(fold.members[0].num_train_clips + fold.members[0].num_validation_clips,
              fold.train_clips.size());
  }
  EXPECT_EQ(tested.size(), 60U);
  EXPECT_EQ(std::set<std::size_t>(tested.begin(), tested.end()).size(), 60U);
  EXPECT_EQ(report.per_clip.accuracy.value, 1.0);  // clouds that are far apart
  EXPECT_EQ(report.per_clip.accuracy.mean, 1.0);
  EXPECT_EQ(report.per_clip.accuracy.deviation, 0.0);
  EXPECT_EQ(report.per_clip.accuracy.low, 1.0);
}

TEST(CrossValidation, summarises_its_folds) {
  const FeatureSet features = toy_features(3, 20, 1);
  const CrossValidationReport report = run(features, quick_options());
  double sum = 0, squares = 0, hits = 0;
  for (const FoldReport& fold : report.folds) {
    sum += fold.metrics.accuracy;
    squares += fold.metrics.accuracy * fold.metrics.accuracy;
    hits += fold.metrics.accuracy * static_cast<double>(fold.test_clips.size());
  }
  const MetricSummary& accuracy = report.per_clip.accuracy;
  EXPECT_NEAR(accuracy.mean, sum / 5, 1e-12);
  EXPECT_NEAR(accuracy.deviation, std::sqrt((squares - sum * sum / 5) / 4), 1e-9);
  EXPECT_NEAR(accuracy.value, hits / 60, 1e-12);
  EXPECT_GT(accuracy.deviation, 0);
  EXPECT_LT(accuracy.low, accuracy.value);
  EXPECT_GT(accuracy.high, accuracy.value);
  // A clip's probabilities are the mean of its segments': segments alone do worse on noisy clouds.
  EXPECT_LT(report.per_segment.accuracy.value, accuracy.value);
}

TEST(CrossValidation, does_not_depend_on_the_number_of_threads) {
  const FeatureSet features = toy_features(3, 15, 1);
  HeadCrossValidation options = quick_options();
  options.num_threads = 1;
  const CrossValidationReport one = run(features, options);
  options.num_threads = 4;
  EXPECT_TRUE(same_predictions(one, run(features, options)));
  options.seed = 1;
  EXPECT_FALSE(same_predictions(one, run(features, options)));
}

TEST(CrossValidation, settings_together_have_the_bits_of_each_alone) {
  const FeatureSet features = toy_features(3, 15, 1, 1, 33);
  HeadCrossValidation options = quick_options();
  options.head.num_members = 2;
  for (const int num_hidden : {0, 5, 16, 37}) {
    for (const double dropout : {0.0, 0.4}) {
      HeadTrainingOptions setting = options.head.training;
      setting.num_hidden = num_hidden;
      setting.dropout = dropout;
      setting.patience = 1 + num_hidden % 3;  // they stop at different epochs
      setting.batch_size = 10 + num_hidden;
      options.settings.push_back(setting);
    }
  }
  const std::vector<Partition> partitions = fold_partitions(features, 3, 1, false, 0);
  const std::vector<CrossValidationReport> together = cross_validate(features, partitions, options);
  ASSERT_EQ(together.size(), options.settings.size());
  HeadCrossValidation alone = options;
  for (std::size_t s = 0; s < together.size(); ++s) {
    alone.settings = {options.settings[s]};
    const std::vector<CrossValidationReport> one = cross_validate(features, partitions, alone);
    EXPECT_TRUE(same_predictions(together[s], one.front())) << "setting " << s;
    EXPECT_EQ(together[s].settings, one.front().settings);
  }
  EXPECT_FALSE(same_predictions(together[2], together[3]));
}

TEST(CrossValidation, selection_takes_the_setting_that_does_best_within_the_training_clips) {
  const FeatureSet features = toy_features(3, 30, 3);
  HeadCrossValidation options = quick_options();
  options.num_inner_folds = 3;
  HeadTrainingOptions hopeless = options.head.training;
  hopeless.learning_rate = 1e-9;
  options.settings = {hopeless, options.head.training};
  const std::vector<Partition> partitions = fold_partitions(features, 5, 1, false, 0);
  const std::vector<CrossValidationReport> selected = cross_validate(features, partitions, options);
  ASSERT_EQ(selected.size(), 1U);
  EXPECT_EQ(selected[0].settings.size(), 2U);
  for (const FoldReport& fold : selected[0].folds) {
    EXPECT_EQ(fold.setting, 1U);
    ASSERT_EQ(fold.inner_losses.size(), 2U);
    EXPECT_GT(fold.inner_losses[0], fold.inner_losses[1]);
  }
  // The chosen setting is then trained as if there had been no other.
  HeadCrossValidation without = quick_options();
  EXPECT_TRUE(same_predictions(selected[0], run(features, without)));
}

TEST(CrossValidation, test_clips_choose_nothing) {
  FeatureSet features = toy_features(3, 20, 1);
  HeadCrossValidation options = quick_options();
  options.num_inner_folds = 2;
  options.settings = {options.head.training, options.head.training};
  options.settings[1].num_hidden = 0;
  std::vector<Partition> first = fold_partitions(features, 5, 1, false, 0);
  first.resize(1);
  const FoldReport before = cross_validate(features, first, options).front().folds.front();
  for (const std::size_t clip : first[0].test) {  // other labels and other features
    features.clips[clip].label = (features.clips[clip].label + 1) % 3;
    for (std::size_t i = 0; i < features.rows_of(clip).size(); ++i) {
      features.rows[features.clips[clip].first_row * 8 + i] *= -3;
    }
  }
  const FoldReport after = cross_validate(features, first, options).front().folds.front();
  EXPECT_EQ(before.inner_losses, after.inner_losses);
  EXPECT_EQ(before.members[0].best().train_loss, after.members[0].best().train_loss);
}

TEST(CrossValidation, repetitions_divide_anew_and_their_mean_is_reported) {
  const FeatureSet features = toy_features(3, 15, 1);
  const std::vector<Partition> partitions = fold_partitions(features, 3, 4, false, 0);
  ASSERT_EQ(partitions.size(), 12U);
  const CrossValidationReport report =
      cross_validate(features, partitions, quick_options()).front();
  ASSERT_EQ(report.repetitions.size(), 4U);
  double mean = 0;
  std::set<std::vector<int>> divisions;
  for (const RepetitionReport& repetition : report.repetitions) {
    mean += repetition.metrics.accuracy / 4;
    divisions.insert(repetition.fold_of_clip);
  }
  EXPECT_EQ(divisions.size(), 4U);
  EXPECT_NEAR(report.per_clip.accuracy.value, mean, 1e-12);
  const nlohmann::json json = report_to_json(report, features);
  EXPECT_EQ(json.at("predictions").size(), 4U * 45U);
  EXPECT_EQ(json.at("folds").size(), 12U);
  EXPECT_EQ(json.at("folds").at(11).at("repetition"), 4);
  EXPECT_EQ(json.at("per_clip").at("accuracy").at("value"), report.per_clip.accuracy.value);
  EXPECT_EQ(json.at("folds").at(0).at("curves").at(0).size(),
            report.folds[0].members[0].epochs.size());
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
  const double accuracy = run(features, quick_options()).per_clip.accuracy.value;
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
  HeadCrossValidation options = quick_options();
  options.head.training.max_epochs = 60;
  EXPECT_GT(run(features, options).per_clip.accuracy.value, 0.9);
  options.head.grouped = true;
  const CrossValidationReport grouped = run(features, options);
  EXPECT_LT(grouped.per_clip.accuracy.value, 0.75);
  for (const FoldReport& fold : grouped.folds) {
    const std::set<std::size_t> tested(fold.test_clips.begin(), fold.test_clips.end());
    for (const std::size_t clip : fold.test_clips) {
      for (std::size_t other = clip / 6 * 6; other < clip / 6 * 6 + 6; ++other) {
        EXPECT_TRUE(tested.contains(other)) << clip << " and " << other << " are of one group";
      }
    }
  }
}

TEST(CrossValidation, counts_its_partitions) {
  const FeatureSet features = toy_features(2, 10, 1);
  std::vector<std::size_t> done;
  cross_validate(features, fold_partitions(features, 5, 1, false, 0), quick_options(),
                 [&](std::size_t partitions) { done.push_back(partitions); });
  EXPECT_EQ(done, (std::vector<std::size_t>{1, 2, 3, 4, 5}));
}

TEST(CrossValidation, an_error_in_a_fold_ends_it) {
  HeadCrossValidation options = quick_options();
  options.head.training.dropout = 2;
  testing::expect_error(ErrorClass::kUsage, "dropout",
                        [&] { run(toy_features(2, 10, 1), options); });
}

}  // namespace
}  // namespace vggroove

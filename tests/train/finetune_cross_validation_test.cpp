// Fine-tuning under cross-validation, on a small network.
#include "train/finetune_cross_validation.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <filesystem>
#include <set>
#include <stdexcept>
#include <string>
#include <vector>

#include "engine/backends/cpu/cpu_training.h"
#include "tests/support/compare.h"
#include "tests/support/expect_error.h"
#include "tests/support/temporary_folder.h"
#include "tests/support/wav_file.h"
#include "tests/train/small_network.h"

namespace vggroove {
namespace {

namespace fs = std::filesystem;
using testing::toy_logmels;

FinetuneCrossValidation quick_options() {
  FinetuneOptions training;
  training.learning_rate = 3e-3;
  training.batch_size = 8;
  training.max_epochs = 3;
  training.patience = 0;
  training.dropout = 0.3;
  FinetuneCrossValidation options;
  options.settings = {training};
  options.validation_fraction = 0.25;
  return options;
}

std::vector<CrossValidationReport> run(const FeatureSet& logmels,
                                       const std::vector<Partition>& partitions,
                                       const FinetuneCrossValidation& options,
                                       const FinetuneCrossValidationCallbacks& callbacks = {}) {
  cpu::CpuTraining backend(2);
  const FinetuneStart start{.net = testing::small_net(logmels.labels.size()),
                            .load_body = testing::load_he_weights};
  return cross_validate_finetuning(backend, start, logmels, partitions, options, callbacks);
}

// Everything of the reports: scores, curves and predictions to their last bit.
void expect_same(const std::vector<CrossValidationReport>& a,
                 const std::vector<CrossValidationReport>& b, const FeatureSet& logmels) {
  ASSERT_EQ(a.size(), b.size());
  for (std::size_t s = 0; s < a.size(); ++s) {
    EXPECT_EQ(report_to_json(a[s], logmels), report_to_json(b[s], logmels));
    EXPECT_EQ(a[s].repetitions.front().segment_probabilities,
              b[s].repetitions.front().segment_probabilities);
  }
}

TEST(FinetuneCrossValidation, learns_what_is_there_and_predicts_every_clip_once) {
  const FeatureSet logmels = toy_logmels(3, 12, 3);
  FinetuneCrossValidation options = quick_options();
  options.settings[0].max_epochs = 8;
  const auto partitions = fold_partitions(logmels, 3, 1, false, 0);
  const CrossValidationReport report = run(logmels, partitions, options).front();
  EXPECT_GT(report.per_clip.accuracy.value, 0.8);
  ASSERT_EQ(report.folds.size(), 3U);
  for (const FoldReport& fold : report.folds) {
    ASSERT_EQ(fold.members.size(), 1U);
    const FittedHead::Member& member = fold.members.front();
    EXPECT_EQ(member.num_validation_clips, 6U);
    EXPECT_EQ(member.num_train_clips, 18U);
    ASSERT_EQ(member.epochs.size(), 8U);
    for (const HeadEpoch& epoch : member.epochs) {
      EXPECT_TRUE(member.best().validation_loss <= epoch.validation_loss);
    }
  }
  const RepetitionReport& repetition = report.repetitions.front();
  const std::size_t k = 3;
  for (std::size_t clip = 0; clip < logmels.clips.size(); ++clip) {
    for (std::size_t c = 0; c < k; ++c) {
      double mean = 0;
      for (std::size_t row = 0; row < 3; ++row) {
        mean +=
            repetition.segment_probabilities[(logmels.clips[clip].first_row + row) * k + c] / 3.0;
      }
      testing::expect_within(std::abs(mean - repetition.probabilities[clip * k + c]), 1e-12,
                             "mean of the segments");
    }
  }
}

TEST(FinetuneCrossValidation, of_random_labels_is_at_chance) {
  FeatureSet logmels = toy_logmels(3, 20, 3);
  Random random(5);
  for (FeatureSet::Clip& clip : logmels.clips) {
    clip.label = static_cast<int>(random.below(3));
  }
  const CrossValidationReport report =
      run(logmels, fold_partitions(logmels, 3, 1, false, 0), quick_options()).front();
  // 1/3 +- three standard errors of 60 clips
  testing::expect_within(std::abs(report.per_clip.accuracy.value - 1.0 / 3), 3 * 0.061, "accuracy");
}

TEST(FinetuneCrossValidation, killed_after_any_number_of_steps_resumes_to_the_same_report) {
  const FeatureSet logmels = toy_logmels(3, 6, 2);
  const auto partitions = fold_partitions(logmels, 3, 1, false, 0);
  for (const double validation_fraction : {0.25, 0.0}) {
    FinetuneCrossValidation options = quick_options();
    options.validation_fraction = validation_fraction;
    options.settings[0].augmentation = {.random_crop = true, .mixup_alpha = 0.3};
    const auto expected = run(logmels, partitions, options);
    const testing::TemporaryFolder folder;
    options.work = folder / "work";
    // Without --resume what is there is not looked at, whatever it is.
    fs::create_directories(options.work);
    testing::write_bytes(options.work / "repetition-1-fold-2", "of another run");
    int attempts = 0;
    std::vector<std::size_t> taken;
    for (int steps = 2;; steps += 7) {
      ++attempts;
      int num_steps = 0;
      taken.clear();
      FinetuneCrossValidationCallbacks callbacks;
      callbacks.on_batch = [&](const FinetuneCrossValidationProgress& now) {
        EXPECT_EQ(now.num_trainings, 3U);
        EXPECT_EQ(now.training, now.partition + 1);
        if (++num_steps == steps) {
          throw std::runtime_error("killed");
        }
      };
      callbacks.on_partition = [&](std::size_t partition, const FoldReport&, bool from_folder) {
        if (from_folder) {
          taken.push_back(partition);
        }
      };
      try {
        expect_same(run(logmels, partitions, options, callbacks), expected, logmels);
        break;
      } catch (const std::runtime_error&) {
        options.resume = true;
      }
    }
    EXPECT_GE(attempts, 3);
    EXPECT_FALSE(taken.empty());
    std::set<std::string> left;
    for (const auto& entry : fs::directory_iterator(options.work)) {
      left.insert(entry.path().filename());
    }
    EXPECT_EQ(left, (std::set<std::string>{"repetition-1-fold-1", "repetition-1-fold-2",
                                           "repetition-1-fold-3"}));
    // Once more: everything is there.
    FinetuneCrossValidationCallbacks callbacks;
    callbacks.on_batch = [](const auto&) { FAIL() << "nothing was left to train"; };
    expect_same(run(logmels, partitions, options, callbacks), expected, logmels);
    options.seed = 1;
    testing::expect_error(ErrorClass::kUsage, "repetition-1-fold-1: belongs to a cross-validation",
                          [&] { run(logmels, partitions, options); });
  }
}

TEST(FinetuneCrossValidation, a_broken_result_is_named) {
  const FeatureSet logmels = toy_logmels(2, 4, 2);
  const testing::TemporaryFolder folder;
  FinetuneCrossValidation options = quick_options();
  options.work = folder.path();
  options.resume = true;
  testing::write_bytes(folder / "repetition-1-fold-2", "no safetensors file");
  testing::expect_error(ErrorClass::kCorrupt, "repetition-1-fold-2",
                        [&] { run(logmels, fold_partitions(logmels, 2, 1, false, 0), options); });
}

TEST(FinetuneCrossValidation, test_clips_choose_nothing) {
  FeatureSet logmels = toy_logmels(2, 10, 2);
  FinetuneCrossValidation options = quick_options();
  options.num_inner_folds = 2;
  options.settings.push_back(options.settings[0]);
  options.settings[1].learning_rate = 1e-2;
  std::vector<Partition> first = fold_partitions(logmels, 4, 1, false, 0);
  first.resize(1);
  const FoldReport before = run(logmels, first, options).front().folds.front();
  for (const std::size_t clip : first[0].test) {  // other labels and other examples
    logmels.clips[clip].label = 1 - logmels.clips[clip].label;
    for (std::size_t i = 0; i < logmels.rows_of(clip).size(); ++i) {
      logmels.rows[logmels.clips[clip].first_row * 64 + i] *= -3;
    }
  }
  const FoldReport after = run(logmels, first, options).front().folds.front();
  EXPECT_EQ(before.inner_losses, after.inner_losses);
  EXPECT_EQ(before.setting, after.setting);
  for (std::size_t epoch = 0; epoch < before.members[0].epochs.size(); ++epoch) {
    EXPECT_EQ(before.members[0].epochs[epoch].train_loss,
              after.members[0].epochs[epoch].train_loss);
    EXPECT_EQ(before.members[0].epochs[epoch].validation_loss,
              after.members[0].epochs[epoch].validation_loss);
  }
}

TEST(FinetuneCrossValidation,
     selection_takes_the_setting_that_does_best_within_the_training_clips) {
  const FeatureSet logmels = toy_logmels(2, 12, 3);
  const auto partitions = fold_partitions(logmels, 2, 1, false, 0);
  FinetuneCrossValidation options = quick_options();
  const auto alone = run(logmels, partitions, options);
  FinetuneOptions hopeless = options.settings[0];
  hopeless.learning_rate = 1e-9;
  options.settings = {hopeless, options.settings[0]};
  options.num_inner_folds = 2;
  const testing::TemporaryFolder folder;
  options.work = folder.path();
  std::size_t done = 0;
  FinetuneCrossValidationCallbacks callbacks;
  callbacks.on_batch = [&](const FinetuneCrossValidationProgress& now) {
    EXPECT_EQ(now.num_trainings, 2U * (2 * 2 + 1));
    EXPECT_EQ(now.selecting, (now.training - 1) % 5 != 4);
    EXPECT_GT(now.examples_done, done);
    done = now.examples_done;
  };
  const auto selected = run(logmels, partitions, options, callbacks);
  ASSERT_EQ(selected.size(), 1U);
  EXPECT_EQ(selected[0].settings.size(), 2U);
  for (const FoldReport& fold : selected[0].folds) {
    EXPECT_EQ(fold.setting, 1U);
    ASSERT_EQ(fold.inner_losses.size(), 2U);
    EXPECT_GT(fold.inner_losses[0], fold.inner_losses[1]);
  }
  // The chosen setting is then trained as if there had been no other.
  EXPECT_EQ(selected[0].repetitions[0].probabilities, alone[0].repetitions[0].probabilities);
  EXPECT_TRUE(fs::exists(folder / "repetition-1-fold-2-setting-1-inner-2"));
}

TEST(FinetuneCrossValidation, every_setting_is_judged_without_selection) {
  const FeatureSet logmels = toy_logmels(2, 6, 3);
  const auto partitions = fold_partitions(logmels, 2, 1, false, 0);
  FinetuneCrossValidation options = quick_options();
  options.settings.push_back(options.settings[0]);
  options.settings[1].first_layer = "head";
  const auto both = run(logmels, partitions, options);
  ASSERT_EQ(both.size(), 2U);
  EXPECT_EQ(both[1].settings.front().at("first_layer"), "head");
  options.settings.erase(options.settings.begin());
  expect_same({both[1]}, run(logmels, partitions, options), logmels);
}

TEST(FinetuneCrossValidation, groups_stay_together_in_what_stops_a_training) {
  FeatureSet logmels = toy_logmels(2, 12, 3);
  for (std::size_t clip = 0; clip < logmels.clips.size(); ++clip) {
    logmels.clips[clip].group = "artist " + std::to_string(clip / 4);
  }
  const auto partitions = fold_partitions(logmels, 2, 1, true, 0);
  FinetuneCrossValidation options = quick_options();
  options.grouped = true;
  options.validation_fraction = 1.0 / 3;
  const CrossValidationReport report = run(logmels, partitions, options).front();
  for (const FoldReport& fold : report.folds) {
    EXPECT_EQ(fold.members.front().num_validation_clips % 4, 0U);
    EXPECT_GT(fold.members.front().num_validation_clips, 0U);
  }
}

}  // namespace
}  // namespace vggroove

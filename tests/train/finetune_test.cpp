// Fine-tuning on a small network: that it learns, that it cannot cheat, and that a run which was
// stopped goes on as if it had not been.
#include "train/finetune.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <stdexcept>
#include <string>
#include <vector>

#include "engine/backends/cpu/cpu_training.h"
#include "engine/device/cpu_info.h"
#include "engine/device/parallel_for.h"
#include "tests/support/compare.h"
#include "tests/support/expect_error.h"
#include "tests/support/sanitized.h"
#include "tests/support/temporary_folder.h"
#include "tests/train/small_network.h"
#include "tests/train/toy_features.h"
#include "train/random.h"
#include "weights/he_init.h"
#include "weights/model_file.h"

namespace vggroove {
namespace {

using testing::clips_from_to;
using testing::kSide;
using testing::small_net;
using testing::toy_features;
using testing::toy_logmels;

// A network with He's weights, on a CPU of `num_threads`.
struct Trainee {
  explicit Trainee(const FeatureSet& logmels, unsigned num_threads = 2, std::size_t max_batch = 32,
                   Precision precision = Precision::kFp32)
      : backend(num_threads, precision), net(backend, small_net(logmels.labels.size()), max_batch) {
    testing::load_he_weights(net);
  }
  std::vector<std::vector<float>> parameters() {
    std::vector<std::vector<float>> all;
    for (std::size_t i = 0; i < net.parameters().size(); ++i) {
      net.to_host(i, all.emplace_back(net.parameters()[i].count), net.parameter(i));
    }
    return all;
  }
  std::vector<FinetuneEpoch> train(const FeatureSet& logmels, std::vector<std::size_t> train_clips,
                                   std::vector<std::size_t> validation_clips,
                                   const FinetuneOptions& options, const FinetuneFiles& files = {},
                                   const FinetuneCallbacks& callbacks = {}) {
    return finetune(backend, net, logmels, train_clips, validation_clips, options, files,
                    callbacks);
  }

  cpu::CpuTraining backend;
  VggishTraining net;
};

// Everything that draws random numbers, or depends on what was before.
FinetuneOptions all_options() {
  FinetuneOptions options = testing::options_of_all_kinds();
  options.head_epochs = 1;
  options.learning_rate = 1e-3;
  options.layer_decay = 0.8;
  options.warm_up_steps = 3;
  return options;
}

TEST(Finetune, a_hundred_steps_on_eight_examples_drive_the_loss_under_a_hundredth) {
  FeatureSet logmels = toy_features(4, 2, 1, 1, kSide * kSide, 1);
  const auto expect_learnt = [&](OptimiserKind kind, Precision precision) {
    FinetuneOptions options;
    options.optimiser = kind;
    options.learning_rate = kind == OptimiserKind::kAdamW ? 1e-3 : 1e-2;
    options.dropout = 0;
    options.max_epochs = 100;  // of one step each
    Trainee trainee(logmels, 2, 32, precision);
    const auto epochs = trainee.train(logmels, clips_from_to(0, 8), {}, options);
    ASSERT_EQ(epochs.size(), 100U);
    EXPECT_GT(epochs.front().train_loss, 0.5);
    EXPECT_TRUE(epochs.back().train_loss < 0.01) << epochs.back().train_loss;
  };
  expect_learnt(OptimiserKind::kAdamW, Precision::kFp32);
  expect_learnt(OptimiserKind::kSgd, Precision::kFp32);
  if (cpu_info().has_bf16_dot) {
    expect_learnt(OptimiserKind::kAdamW, Precision::kBf16);
  }
}

// All of VGGish, from He's weights: it ends as soon as it has learnt.
TEST(Finetune, the_whole_network_learns_eight_examples_within_a_hundred_steps) {
  if (testing::kSanitized) {
    GTEST_SKIP() << "the small network has taken the same way";
  }
  const FeatureSet logmels = toy_features(4, 2, 0, 1, 96 * 64, 1);
  cpu::CpuTraining backend;
  VggishTraining net(backend, vggish_training_net(0, 4), 8);
  constexpr std::size_t kPiece = 1 << 18;
  for (std::size_t i = 0; i < weights::vggish_tensors().size(); ++i) {
    std::vector<float> values(net.parameters()[i].count);
    parallel_for((values.size() + kPiece - 1) / kPiece, [&](std::size_t piece) {
      const std::size_t first = piece * kPiece;
      weights::he_init(1, i, static_cast<std::int64_t>(first),
                       std::span(values).subspan(first, std::min(kPiece, values.size() - first)));
    });
    net.to_device(i, net.parameter(i), values);
  }
  FinetuneOptions options;
  options.dropout = 0;
  options.batch_size = 8;
  options.max_epochs = 100;  // of one step each
  options.schedule = ScheduleKind::kConstant;
  struct Learnt {};
  std::vector<double> losses;
  FinetuneCallbacks callbacks;
  callbacks.on_batch = [&](const FinetuneProgress& now) {
    losses.push_back(now.loss);
    if (now.loss < 0.01) {
      throw Learnt();
    }
  };
  EXPECT_THROW(finetune(backend, net, logmels, clips_from_to(0, 8), {}, options, {}, callbacks),
               Learnt);
  EXPECT_TRUE(std::abs(losses.front() - std::log(4)) < 1e-6) << losses.front();
  RecordProperty("steps", static_cast<int>(losses.size()));
}

TEST(Finetune, learns_what_is_there_and_nothing_from_shuffled_labels) {
  FinetuneOptions options;
  options.learning_rate = 1e-3;
  options.max_epochs = 6;
  FeatureSet logmels = toy_logmels(3, 40, 3);
  const auto accuracy = [&] {
    Trainee trainee(logmels);
    return trainee.train(logmels, clips_from_to(0, 60), clips_from_to(60, 120), options)
        .back()
        .validation_accuracy;
  };
  EXPECT_GT(accuracy(), 0.9);
  Random random(5);
  for (FeatureSet::Clip& clip : logmels.clips) {
    clip.label = static_cast<int>(random.below(3));
  }
  // Chance is 1/3; of 60 clips its standard deviation is 0.06.
  const double by_chance = accuracy();
  EXPECT_TRUE(std::abs(by_chance - 1.0 / 3) < 3 * 0.061) << by_chance;
}

TEST(Finetune, the_number_of_threads_does_not_change_a_bit) {
  const FeatureSet logmels = toy_logmels(3, 5, 2);
  FinetuneOptions options = all_options();
  options.max_epochs = 2;
  Trainee one(logmels, 1), three(logmels, 3);
  one.train(logmels, clips_from_to(0, 15), {}, options);
  three.train(logmels, clips_from_to(0, 15), {}, options);
  EXPECT_EQ(one.parameters(), three.parameters());
}

TEST(Finetune, a_run_that_was_killed_resumes_bit_for_bit) {
  const FeatureSet logmels = toy_logmels(3, 7, 2);
  for (const OptimiserKind kind : {OptimiserKind::kAdamW, OptimiserKind::kSgd}) {
    FinetuneOptions options = all_options();
    options.optimiser = kind;
    const testing::TemporaryFolder folder;
    const FinetuneFiles files{.checkpoint = folder / "run.checkpoint", .resume = true};
    Trainee undisturbed(logmels);
    const auto expected = undisturbed.train(logmels, clips_from_to(0, 15), clips_from_to(15, 21),
                                            options, {.checkpoint = folder / "other"});
    // Stopped after 1, 5, 9, ... steps, until it comes through.
    std::vector<FinetuneEpoch> epochs;
    int attempts = 0;
    for (int steps = 1; epochs.empty(); steps += 4) {
      ++attempts;
      FinetuneCallbacks callbacks;
      int num_steps = 0;
      callbacks.on_batch = [&](const FinetuneProgress&) {
        if (++num_steps == steps) {
          throw std::runtime_error("killed");
        }
      };
      Trainee again(logmels);
      try {
        epochs = again.train(logmels, clips_from_to(0, 15), clips_from_to(15, 21), options, files,
                             callbacks);
        EXPECT_EQ(again.parameters(), undisturbed.parameters());
      } catch (const std::runtime_error&) {
        continue;
      }
    }
    EXPECT_GE(attempts, 3);
    ASSERT_EQ(epochs.size(), expected.size());
    for (std::size_t i = 0; i < epochs.size(); ++i) {
      EXPECT_EQ(epochs[i].train_loss, expected[i].train_loss);
      EXPECT_EQ(epochs[i].validation_loss, expected[i].validation_loss);
      EXPECT_EQ(epochs[i].best, expected[i].best);
    }
  }
}

TEST(Finetune, frozen_layers_do_not_change_and_the_head_begins_alone) {
  const FeatureSet logmels = toy_logmels(3, 5, 2);
  FinetuneOptions options = all_options();
  options.max_epochs = 2;
  options.first_layer = "fc1";
  Trainee trainee(logmels);
  std::vector<std::vector<std::vector<float>>> after = {trainee.parameters()};
  FinetuneCallbacks callbacks;
  callbacks.on_epoch = [&](const auto&) { after.push_back(trainee.parameters()); };
  trainee.train(logmels, clips_from_to(0, 15), {}, options, {}, callbacks);
  for (std::size_t i = 0; i < trainee.net.parameters().size(); ++i) {
    SCOPED_TRACE(trainee.net.parameters()[i].name);
    const std::size_t layer = trainee.net.parameters()[i].layer;
    EXPECT_EQ(after[0][i] != after[1][i], layer >= 4);  // the head's two layers
    EXPECT_EQ(after[1][i] != after[2][i], layer >= 2);
  }
}

TEST(Finetune, stops_when_patience_runs_out) {
  FeatureSet logmels = toy_logmels(2, 10, 0);  // nothing to learn
  FinetuneOptions options;
  options.learning_rate = 3e-3;
  options.max_epochs = 50;
  options.patience = 3;
  Trainee trainee(logmels);
  const auto epochs = trainee.train(logmels, clips_from_to(0, 10), clips_from_to(10, 20), options);
  ASSERT_LT(epochs.size(), 50U);
  ASSERT_GT(epochs.size(), 3U);
  EXPECT_TRUE(epochs[epochs.size() - 4].best);
  for (std::size_t i = epochs.size() - 3; i < epochs.size(); ++i) {
    EXPECT_FALSE(epochs[i].best);
  }
}

// Dropout, mixup and the mean of the loss are those of the batch, however it is cut.
TEST(Finetune, a_batch_in_parts_takes_the_same_steps) {
  const FeatureSet logmels = toy_logmels(2, 8, 2);
  const auto parameters_with = [&](std::size_t max_batch) {
    Trainee trainee(logmels, 2, max_batch);
    trainee.train(logmels, clips_from_to(0, 16), {}, all_options());
    return trainee.parameters();
  };
  const auto whole = parameters_with(32), parts = parameters_with(2);
  for (std::size_t i = 0; i < whole.size(); ++i) {
    // Sums in other orders; AdamW divides by the root of the second moment, which makes much of a
    // small gradient's rounding.
    testing::expect_within(testing::relative_l2<float, float>(parts[i], whole[i]), 2e-3, "parts");
  }
}

TEST(Finetune, refuses_what_does_not_fit) {
  const FeatureSet logmels = toy_logmels(2, 4, 2);
  Trainee trainee(logmels);
  FinetuneOptions options;
  options.max_epochs = 1;
  const auto run = [&](const FinetuneFiles& files = {}) {
    trainee.train(logmels, clips_from_to(0, 8), {}, options, files);
  };
  options.first_layer = "conv9";
  testing::expect_error(ErrorClass::kUsage, "\"conv9\"; there are head, conv1, conv2, fc1, fc2",
                        run);
  options.first_layer = "conv1";
  options.dropout = 1;
  testing::expect_error(ErrorClass::kUsage, "the dropout is 1", run);
  options.dropout = 0;
  testing::expect_error(ErrorClass::kUsage, "no training clip",
                        [&] { trainee.train(logmels, {}, {}, options); });

  const testing::TemporaryFolder folder;
  const FinetuneFiles files{.checkpoint = folder / "run.checkpoint", .resume = true};
  run(files);
  options.learning_rate = 2e-4;
  testing::expect_error(ErrorClass::kUsage, "run.checkpoint: belongs to a run with other options",
                        [&] { run(files); });
  options.learning_rate = FinetuneOptions().learning_rate;
  if (cpu_info().has_bf16_dot) {
    Trainee in_bf16(logmels, 2, 32, Precision::kBf16);
    testing::expect_error(ErrorClass::kUsage, "belongs to a run with other options",
                          [&] { in_bf16.train(logmels, clips_from_to(0, 8), {}, options, files); });
  }
  options.learning_rate = 1e30;
  options.weight_decay = 0;
  testing::expect_error(ErrorClass::kInvalid, "not finite", [&] {
    options.max_epochs = 5;
    run();
  });
}

}  // namespace
}  // namespace vggroove

// Fine-tuning by several processes, played by threads: the same as one process, but for the order
// of sums. tests/cli/finetune_mpirun_test.cpp starts real ones.
#include <gtest/gtest.h>

#include <cmath>
#include <filesystem>
#include <stdexcept>
#include <vector>

#include "engine/backends/cpu/cpu_training.h"
#include "tests/support/compare.h"
#include "tests/support/expect_error.h"
#include "tests/support/temporary_folder.h"
#include "tests/support/thread_processes.h"
#include "tests/train/small_network.h"
#include "train/finetune.h"
#include "train/finetune_model.h"

namespace vggroove {
namespace {

using testing::clips_from_to;
using testing::expect_within;
using testing::relative_l2;
using testing::ThreadProcesses;
using testing::toy_logmels;

struct Result {
  std::vector<FinetuneEpoch> epochs;
  std::vector<std::vector<float>> parameters;
};

// 21 examples in batches of 5 and steps of two: the last step is one example, which leaves all
// processes but one without any. SGD, whose steps are as exact as the gradients (AdamW makes much
// of a small gradient's rounding).
FinetuneOptions sgd_options() {
  FinetuneOptions options = testing::options_of_all_kinds();
  options.optimiser = OptimiserKind::kSgd;
  options.learning_rate = 1e-2;
  return options;
}

// How far two runs of those options may be apart. A gradient is a sum of at most 10 examples x 64
// places, whose rounding grows with the root of their number; momentum adds up ten steps' worth of
// it; and so does each of the 12 steps.
const double kTolerance = 12 * 10 * std::sqrt(10.0 * 64) * 0x1p-24;

Result train_as(Communicator& processes, const FeatureSet& logmels, const FinetuneOptions& options,
                const FinetuneFiles& files = {}, const FinetuneCallbacks& callbacks = {}) {
  cpu::CpuTraining backend(1, Precision::kFp32, processes);
  VggishTraining net(backend, testing::small_net(logmels.labels.size()), 5);
  testing::load_he_weights(net);
  Result result;
  result.epochs = finetune(backend, net, logmels, clips_from_to(0, 7), clips_from_to(7, 12),
                           options, files, callbacks);
  for (std::size_t i = 0; i < net.parameters().size(); ++i) {
    net.to_host(i, result.parameters.emplace_back(net.parameters()[i].count), net.parameter(i));
  }
  return result;
}

// By `num_processes`, which must all end alike; one of them: without any.
Result train(int num_processes, const FeatureSet& logmels, const FinetuneOptions& options,
             const FinetuneFiles& files = {}, const FinetuneCallbacks& callbacks = {}) {
  if (num_processes == 1) {
    return train_as(single_process(), logmels, options, files, callbacks);
  }
  std::vector<Result> results(static_cast<std::size_t>(num_processes));
  ThreadProcesses(num_processes).run([&](Communicator& processes) {
    results[static_cast<std::size_t>(processes.rank())] =
        train_as(processes, logmels, options, files, callbacks);
  });
  for (const Result& result : results) {
    EXPECT_EQ(result.parameters, results[0].parameters) << "to the last bit";
    EXPECT_EQ(epochs_to_json(result.epochs), epochs_to_json(results[0].epochs));
  }
  return results[0];
}

void expect_alike(const Result& result, const Result& expected) {
  ASSERT_EQ(result.epochs.size(), expected.epochs.size());
  for (std::size_t i = 0; i < expected.epochs.size(); ++i) {
    const FinetuneEpoch &is = result.epochs[i], &should_be = expected.epochs[i];
    const auto expect_close = [&](double value, double wanted, const char* what) {
      expect_within(std::abs(value - wanted) / wanted, kTolerance, what);
    };
    expect_close(is.train_loss, should_be.train_loss, "training loss");
    expect_close(is.validation_loss, should_be.validation_loss, "validation loss");
    EXPECT_EQ(is.train_accuracy, should_be.train_accuracy);
    EXPECT_EQ(is.validation_accuracy, should_be.validation_accuracy);
    EXPECT_EQ(is.best, should_be.best);
  }
  for (std::size_t i = 0; i < expected.parameters.size(); ++i) {
    expect_within(relative_l2<float, float>(result.parameters[i], expected.parameters[i]),
                  kTolerance, "parameters");
  }
}

TEST(FinetuneProcesses, have_the_loss_curve_and_the_weights_of_one) {
  const FeatureSet logmels = toy_logmels(3, 4, 2);
  const FinetuneOptions options = sgd_options();
  const Result one = train(1, logmels, options);
  for (const int num_processes : {2, 3, 7}) {  // 7: some have no part of any batch
    SCOPED_TRACE(num_processes);
    expect_alike(train(num_processes, logmels, options), one);
  }
}

TEST(FinetuneProcesses, stop_early_together) {
  const FeatureSet logmels = toy_logmels(2, 6, 0);  // nothing to learn
  FinetuneOptions options = sgd_options();
  options.max_epochs = 40;
  options.patience = 2;
  const Result two = train(2, logmels, options);
  ASSERT_LT(two.epochs.size(), 40U);
  EXPECT_FALSE(two.epochs.back().best);
}

TEST(FinetuneProcesses, resume_to_the_same_bits_and_what_others_began) {
  const FeatureSet logmels = toy_logmels(3, 4, 2);
  const FinetuneOptions options = sgd_options();
  const Result undisturbed = train(2, logmels, options);
  for (const int resuming : {1, 2, 3}) {
    SCOPED_TRACE(resuming);
    const testing::TemporaryFolder folder;
    const FinetuneFiles files{.checkpoint = folder / "run.checkpoint", .resume = true};
    FinetuneCallbacks dies;
    dies.on_batch = [](const FinetuneProgress& now) {
      if (now.epoch == 3) {
        throw std::runtime_error("killed");
      }
    };
    EXPECT_THROW(train(2, logmels, options, files, dies), std::runtime_error);
    ASSERT_TRUE(std::filesystem::exists(files.checkpoint));
    const Result resumed = train(resuming, logmels, options, files);
    if (resuming == 2) {
      EXPECT_EQ(resumed.parameters, undisturbed.parameters);
    }
    expect_alike(resumed, undisturbed);
  }
}

TEST(FinetuneProcesses, begin_with_the_same_head) {
  const FeatureSet logmels = toy_logmels(3, 4, 2);
  const auto head_of = [&](Communicator& processes) {
    cpu::CpuTraining backend(1, Precision::kFp32, processes);
    VggishTraining net(backend, testing::small_net(3), 5);
    testing::load_he_weights(net);
    return initial_head(net, logmels, clips_from_to(0, 7), 1, processes);
  };
  const DenseHead one = head_of(single_process());
  std::vector<DenseHead> heads(3);
  ThreadProcesses(3).run([&](Communicator& processes) {
    heads[static_cast<std::size_t>(processes.rank())] = head_of(processes);
  });
  for (const DenseHead& head : heads) {
    EXPECT_EQ(head.hidden_weights, one.hidden_weights);
    EXPECT_EQ(head.scale, heads[0].scale);
    // Sums in double precision, rounded to float.
    expect_within(relative_l2<float, float>(head.mean, one.mean), 0x1p-23, "mean");
    expect_within(relative_l2<float, float>(head.scale, one.scale), 0x1p-23, "scale");
  }
}

TEST(FinetuneProcesses, refuse_to_train_on_different_data) {
  testing::expect_error(ErrorClass::kInvalid, "process 2 of 3 has other data", [] {
    ThreadProcesses(3).run([](Communicator& processes) {
      FeatureSet logmels = toy_logmels(3, 4, 2);
      if (processes.rank() == 1) {
        logmels.rows[100] += 0.5F;
      }
      train_as(processes, logmels, sgd_options());
    });
  });
}

}  // namespace
}  // namespace vggroove

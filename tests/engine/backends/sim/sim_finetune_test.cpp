// Whole runs of fine-tuning on the CUDA backend, played by the processor: without memory for a
// batch, and as CUDA graphs.
#include <gtest/gtest.h>

#include <cstdint>
#include <vector>

#include "engine/backends/cuda/training.h"
#include "engine/backends/sim/simulator.h"
#include "tests/engine/nets/training_golden.h"
#include "tests/support/compare.h"
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

class SimFinetune : public ::testing::Test {
 protected:
  void TearDown() override { EXPECT_EQ(Simulator::get().leaks(), ""); }
};

// Of a run in batches of 8 and one of 4, in a head's epoch and others: the parameters, the epochs'
// scores and what fitted.
struct Finetuned {
  std::vector<std::vector<float>> parameters;
  std::vector<double> losses;
  std::size_t max_batch = 0;
};
Finetuned finetuned(const cuda::CudaTrainingSettings& settings, FinetuneOptions options,
                    std::size_t more_bytes = std::size_t{1} << 30) {
  constexpr std::size_t kBatch = 8;
  const FeatureSet logmels = testing::toy_features(3, 5, 1, 1, 64, 1);
  CudaTraining backend(settings);
  VggishTraining net(backend, testing::small_net(), kBatch);
  testing::set_parameters(net, 0);
  Memory& memory = Simulator::get().memory;
  const std::size_t limit = memory.device_limit();
  memory.set_device_limit(memory.device_bytes() + more_bytes);
  options.batch_size = kBatch;
  options.dropout = 0.3;
  Finetuned result;
  for (const FinetuneEpoch& epoch : finetune(backend, net, logmels, testing::clips_from_to(0, 12),
                                             testing::clips_from_to(12, 15), options, {}, {})) {
    result.losses.push_back(epoch.train_loss);
    result.losses.push_back(epoch.validation_loss);
  }
  result.max_batch = net.max_batch();
  memory.set_device_limit(limit);
  for (std::size_t i = 0; i < net.parameters().size(); ++i) {
    net.to_host(i, result.parameters.emplace_back(net.parameters()[i].count), net.parameter(i));
  }
  return result;
}

FinetuneOptions one_epoch_of_sgd() {
  FinetuneOptions options;
  options.max_epochs = 1;
  options.optimiser = OptimiserKind::kSgd;
  options.learning_rate = 1e-2;
  return options;
}

TEST_F(SimFinetune, memory_that_runs_out_in_a_run_makes_parts_of_batches_and_the_same_steps) {
  const Finetuned whole = finetuned(settings(), one_epoch_of_sgd());
  EXPECT_EQ(whole.max_batch, 8U);
  // Enough for the momentum (375 kB), not for the workspace of the first convolution.
  const Finetuned parts = finetuned(settings(), one_epoch_of_sgd(), std::size_t{380} << 10);
  EXPECT_LT(parts.max_batch, 8U);
  for (std::size_t i = 0; i < whole.parameters.size(); ++i) {
    expect_within(testing::relative_l2<float, float>(parts.parameters[i], whole.parameters[i]),
                  1e-5, "parts");
  }
}

// Learning rates and steps that change, dropout, mixup, the head alone at first, clipping, a ragged
// batch, two batches to a step: whatever a graph must not have kept from the step that it captured.
FinetuneOptions everything_changes(OptimiserKind optimiser) {
  FinetuneOptions options;
  options.max_epochs = 6;
  options.head_epochs = 2;
  options.patience = 0;
  options.optimiser = optimiser;
  options.learning_rate = 1e-2;
  options.layer_decay = 0.9;
  options.warm_up_steps = 3;
  options.clip_norm = 0.5;
  options.accumulation = optimiser == OptimiserKind::kSgd ? 2 : 1;
  options.augmentation.mixup_alpha = 0.4;
  return options;
}

void expect_same_bits(const Finetuned& a, const Finetuned& b) {
  EXPECT_EQ(a.losses, b.losses);
  EXPECT_EQ(a.parameters, b.parameters);
  EXPECT_EQ(a.max_batch, b.max_batch);
}

TEST_F(SimFinetune, captured_steps_are_those_of_single_calls_bit_for_bit) {
  for (const Precision precision : {Precision::kFp32, Precision::kBf16}) {
    for (const OptimiserKind optimiser : {OptimiserKind::kAdamW, OptimiserKind::kSgd}) {
      SCOPED_TRACE(::testing::Message()
                   << precision_name(precision) << " optimiser " << static_cast<int>(optimiser));
      cuda::CudaTrainingSettings single_calls = settings(precision);
      single_calls.captures = false;
      const FinetuneOptions options = everything_changes(optimiser);
      const std::uint64_t launches_before = Simulator::get().counts.graph_launches;
      const Finetuned expected = finetuned(single_calls, options);
      EXPECT_EQ(Simulator::get().counts.graph_launches, launches_before);
      EXPECT_NE(expected.losses.front(), expected.losses.back());
      expect_same_bits(finetuned(settings(precision), options), expected);
      EXPECT_GT(Simulator::get().counts.graph_launches, launches_before + 20);
    }
  }
}

TEST_F(SimFinetune, captured_steps_follow_a_batch_that_memory_made_smaller) {
  cuda::CudaTrainingSettings single_calls = settings();
  single_calls.captures = false;
  const FinetuneOptions options = everything_changes(OptimiserKind::kAdamW);
  const std::size_t more_bytes = std::size_t{746} << 10;  // 14 kB more than the moments
  const Finetuned expected = finetuned(single_calls, options, more_bytes);
  EXPECT_LT(expected.max_batch, 8U);
  expect_same_bits(finetuned(settings(), options, more_bytes), expected);
}

}  // namespace
}  // namespace vggroove

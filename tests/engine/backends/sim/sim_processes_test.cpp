// Two processes, each with a simulated device and each of which runs this: what NCCL sums, played
// by its stand-in.
#include <gtest/gtest.h>

#include <cmath>
#include <stdexcept>
#include <vector>

#include "engine/backends/cuda/training.h"
#include "engine/backends/processes.h"
#include "engine/backends/sim/simulator.h"
#include "engine/backends/sim/violation.h"
#include "tests/support/compare.h"
#include "tests/support/expect_error.h"
#include "tests/train/small_network.h"
#include "train/finetune.h"

namespace vggroove {
namespace {

using cuda::CudaTraining;
using sim::Simulator;
using testing::clips_from_to;
using testing::expect_within;

class SimProcesses : public ::testing::Test {
 protected:
  // One for all tests: MPI begins and ends once in a program.
  static void SetUpTestSuite() { processes_ = join_processes().release(); }
  static void TearDownTestSuite() { delete processes_; }
  void SetUp() override { ASSERT_EQ(processes_->size(), 2); }
  void TearDown() override { EXPECT_EQ(Simulator::get().leaks(), ""); }

  static cuda::CudaTrainingSettings settings(Communicator& processes) {
    return {.device_name = "sim", .plan_folder = {}, .processes = &processes};
  }
  static Communicator* processes_;
};
Communicator* SimProcesses::processes_ = nullptr;

struct Result {
  std::vector<double> losses;
  std::vector<std::vector<float>> parameters;
};

// Two epochs of 7 examples in batches of 3: of the last one, of one example, the second process
// alone has a part.
Result finetuned(const cuda::CudaTrainingSettings& settings) {
  const FeatureSet logmels = testing::toy_features(2, 5, 1, 1, 64, 1);
  CudaTraining backend(settings);
  VggishTraining net(backend, testing::small_net(2), 3);
  testing::load_he_weights(net);
  FinetuneOptions options;
  options.optimiser = OptimiserKind::kSgd;
  options.learning_rate = 1e-2;
  options.dropout = 0.3;
  options.clip_norm = 1;
  options.batch_size = 3;
  options.max_epochs = 2;
  Result result;
  for (const FinetuneEpoch& epoch : finetune(backend, net, logmels, clips_from_to(0, 7),
                                             clips_from_to(7, 10), options, {}, {})) {
    result.losses.insert(result.losses.end(), {epoch.train_loss, epoch.validation_loss});
  }
  for (std::size_t i = 0; i < net.parameters().size(); ++i) {
    net.to_host(i, result.parameters.emplace_back(net.parameters()[i].count), net.parameter(i));
  }
  return result;
}

TEST_F(SimProcesses, train_as_one_does) {
  const Result one = finetuned(settings(single_process()));
  const Result two = finetuned(settings(*processes_));
  // As in tests/train/finetune_processes_test.cpp: 6 steps, momentum, sums of 3 x 64 terms.
  const double tolerance = 6 * 10 * std::sqrt(3.0 * 64) * 0x1p-24;
  ASSERT_EQ(two.losses.size(), 4U);
  for (std::size_t i = 0; i < one.losses.size(); ++i) {
    expect_within(std::abs(two.losses[i] - one.losses[i]) / one.losses[i], tolerance, "loss");
  }
  for (std::size_t i = 0; i < one.parameters.size(); ++i) {
    expect_within(testing::relative_l2<float, float>(two.parameters[i], one.parameters[i]),
                  tolerance, "parameters");
  }
}

TEST_F(SimProcesses, sum_in_pieces) {
  constexpr std::size_t kCount = 3 * 65536 + 1;
  CudaTraining backend(settings(*processes_));
  std::vector<float> values(kCount);
  for (std::size_t i = 0; i < kCount; ++i) {
    values[i] = static_cast<float>(i % 100 * (static_cast<std::size_t>(processes_->rank()) + 1));
  }
  const DeviceMemory memory = backend.allocate(kCount * sizeof(float));
  backend.to_device(memory.as<void>(), values.data(), kCount * sizeof(float));
  backend.all_reduce_sum(memory.as<float>(), kCount);
  backend.to_host_sync(values.data(), memory.as<void>(), kCount * sizeof(float));
  std::size_t num_wrong = 0;
  for (std::size_t i = 0; i < kCount; ++i) {
    num_wrong += values[i] == static_cast<float>(3 * (i % 100)) ? 0 : 1;
  }
  EXPECT_EQ(num_wrong, 0U);
}

TEST_F(SimProcesses, do_not_wait_for_one_that_failed) {
  const auto run = [&] {
    CudaTraining backend(settings(*processes_));
    const DeviceMemory memory = backend.allocate(16);
    if (processes_->rank() == 1) {
      throw std::runtime_error("failed");
    }
    backend.all_reduce_sum(memory.as<float>(), 4);
    backend.synchronize();
  };
  if (processes_->rank() == 1) {
    EXPECT_THROW(run(), std::runtime_error);
  } else {
    testing::expect_error(ErrorClass::kDevice, "remote process exited", run);
  }
}

TEST_F(SimProcesses, are_told_when_they_sum_different_things) {
  CudaTraining backend(settings(*processes_));
  const DeviceMemory memory = backend.allocate(16);
  EXPECT_THROW(
      backend.all_reduce_sum(memory.as<float>(), 3 + static_cast<std::size_t>(processes_->rank())),
      sim::Violation);
}

}  // namespace
}  // namespace vggroove

// The program with --device sim: the whole CUDA backend, played by the processor.
#include <gtest/gtest.h>

#include <algorithm>
#include <cstring>
#include <filesystem>
#include <vector>

#include "tests/e2e/shared_files.h"
#include "tests/support/compare.h"
#include "tests/support/run_program.h"
#include "tests/support/sanitized.h"
#include "tests/train/toy_features.h"
#include "train/logmel_set.h"
#include "weights/model_file.h"
#include "weights/npz.h"

namespace vggroove::testing {
namespace {

namespace fs = std::filesystem;

std::vector<float> embed(const fs::path& out, const char* device) {
  const SharedFiles& shared = SharedFiles::get();
  const ProgramResult run =
      run_vggroove({"embed", shared.good(), "--model", shared.model(), "--device", device, "--out",
                    out, "--jobs", "1", "--verbose"});
  EXPECT_EQ(run.exit_code, 0) << run.err;
  EXPECT_NE(run.err.find(" on " + std::string(device) + " ("), std::string::npos) << run.err;
  const weights::Tensor rows = weights::read_npy(out).tensor;
  std::vector<float> values(rows.data.size() / sizeof(float));
  std::memcpy(values.data(), rows.data.data(), rows.data.size());
  return values;
}

TEST(Sim, embeddings_of_two_seconds_of_audio_equal_those_of_the_cpu) {
  const TemporaryFolder folder;
  const std::vector<float> cpu = embed(folder / "cpu.npy", "cpu");
  const std::vector<float> sim = embed(folder / "sim.npy", "sim");
  ASSERT_EQ(cpu.size(), 2u * 128);
  expect_within(relative_l2(std::span<const float>(sim), std::span<const float>(cpu)), 1e-5,
                "sim against cpu");
  EXPECT_NE(sim, cpu) << "the same bits: has the cpu computed both?";
}

// Two examples, the uppermost layer of the body and a head without a hidden layer: an epoch is one
// step.
std::vector<float> finetuned(const fs::path& folder, const std::string& device) {
  const fs::path out = folder / (device + ".safetensors");
  const ProgramResult run = run_vggroove({"finetune",
                                          folder / "set.npz",
                                          "--base",
                                          SharedFiles::get().model(),
                                          "--device",
                                          device,
                                          "--layers",
                                          "fc2",
                                          "--fresh-head",
                                          "--hidden",
                                          "0",
                                          "--validation",
                                          "0",
                                          "--epochs",
                                          "1",
                                          "--lr",
                                          "0.001",
                                          "--optimizer",
                                          "sgd",
                                          "--out",
                                          out});
  EXPECT_EQ(run.exit_code, 0) << run.err;
  EXPECT_NE(run.out.find(device + " ("), std::string::npos) << run.out;
  return weights::ModelFile::open(out).read_all("vggish/fc2/weights");
}

TEST(Sim, finetuning_takes_the_steps_of_the_cpu) {
  if (kSanitized) {
    GTEST_SKIP() << "minutes there; sim_training_test runs the same operations on a smaller net";
  }
  const TemporaryFolder folder;
  write_feature_table(folder / "set.npz", toy_features(2, 1, 3, 1, kLogMelFeatures, 1));
  const std::vector<float> before =
      weights::ModelFile::open(SharedFiles::get().model()).read_all("vggish/fc2/weights");
  const auto change = [&](const char* device) {
    std::vector<float> values = finetuned(folder.path(), device);
    for (std::size_t i = 0; i < values.size(); ++i) {
      values[i] -= before[i];
    }
    return values;
  };
  const std::vector<float> cpu = change("cpu"), sim = change("sim");
  expect_within(relative_l2(std::span<const float>(sim), std::span<const float>(cpu)), 1e-3,
                "change of the weights");
}

}  // namespace
}  // namespace vggroove::testing

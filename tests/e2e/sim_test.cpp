// The program with --device sim: the whole CUDA backend, played by the processor.
#include <gtest/gtest.h>

#include <algorithm>
#include <cstring>
#include <filesystem>
#include <fstream>
#include <nlohmann/json.hpp>
#include <string>
#include <string_view>
#include <vector>

#include "tests/e2e/shared_files.h"
#include "tests/support/compare.h"
#include "tests/support/run_program.h"
#include "tests/support/sanitized.h"
#include "tests/support/wav_file.h"
#include "tests/train/toy_features.h"
#include "train/logmel_set.h"
#include "weights/model_file.h"
#include "weights/npz.h"

namespace vggroove::testing {
namespace {

namespace fs = std::filesystem;

// Of two seconds, of a file that is not audio, and of a clip shorter than one example.
std::vector<float> embed(const fs::path& folder, const char* device, const char* logmel) {
  const SharedFiles& shared = SharedFiles::get();
  write_bytes(folder / "text.wav", "not music");
  write_tone(folder / "blip.wav", 0.3, 440);
  const fs::path out = folder / "embeddings.npz";
  const ProgramResult run = run_vggroove(
      {"embed", shared.good(), folder / "text.wav", folder / "blip.wav", "--model", shared.model(),
       "--device", device, "--logmel", logmel, "--out", out, "--jobs", "1", "--verbose"});
  EXPECT_EQ(run.exit_code, 3) << run.err;
  EXPECT_NE(run.err.find("text.wav: is not an audio file"), std::string::npos) << run.err;
  EXPECT_NE(run.err.find(" on " + std::string(device) + " ("), std::string::npos) << run.err;
  std::vector<float> values;
  const auto arrays = weights::read_npz(out);
  for (const fs::path& clip : {shared.good(), folder / "blip.wav"}) {
    const std::vector<std::byte>& rows = arrays.at(clip.string()).tensor.data;
    const std::size_t before = values.size();
    values.resize(before + rows.size() / sizeof(float));
    std::memcpy(values.data() + before, rows.data(), rows.size());
  }
  return values;
}

TEST(Sim, embeddings_of_audio_equal_those_of_the_cpu) {
  const TemporaryFolder folder;
  const std::vector<float> cpu = embed(folder.path(), "cpu", "own");
  ASSERT_EQ(cpu.size(), 3u * 128);
  for (const char* const logmel : {"own", "cufft"}) {
    if (kSanitized && logmel == std::string_view("cufft")) {
      break;  // half a minute there; sim_vggish_test takes this way, too
    }
    const std::vector<float> sim = embed(folder.path(), "sim", logmel);
    ASSERT_EQ(sim.size(), cpu.size());
    for (std::size_t row = 0; row < 3; ++row) {
      expect_within(relative_l2(std::span(sim).subspan(row * 128, 128),
                                std::span(cpu).subspan(row * 128, 128)),
                    1e-5, logmel);
    }
    EXPECT_NE(sim, cpu) << "the same bits: has the cpu computed both?";
  }
}

TEST(Sim, the_way_of_the_log_mels_is_the_devices) {
  const SharedFiles& shared = SharedFiles::get();
  const ProgramResult run =
      run_vggroove({"embed", shared.good(), "--model", shared.model(), "--device", "cpu",
                    "--logmel", "cufft", "--out", shared.folder() / "none.npy"});
  EXPECT_EQ(run.exit_code, 2) << run.err;
  EXPECT_NE(run.err.find("for devices cuda and sim"), std::string::npos) << run.err;
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

nlohmann::json cross_validated(const fs::path& folder, const std::string& device) {
  const fs::path out = folder / (device + ".json");
  const ProgramResult run = run_vggroove(
      {"crossval", folder / "table.npz", "--device", device, "--folds", "2", "--members", "1",
       "--epochs", "3", "--hidden", "0,4", "--batch", "16", "--verbose", "--json", out});
  EXPECT_EQ(run.exit_code, 0) << run.err;
  EXPECT_EQ(run.err.find("classifiers on sim (") != std::string::npos, device == "sim") << run.err;
  return nlohmann::json::parse(std::ifstream(out))["runs"][0]["reports"];
}

TEST(Sim, cross_validation_trains_its_classifiers_there) {
  const TemporaryFolder folder;
  write_feature_table(folder / "table.npz", toy_features(2, 8, 2));
  const nlohmann::json cpu = cross_validated(folder.path(), "cpu"),
                       sim = cross_validated(folder.path(), "sim");
  ASSERT_EQ(sim.size(), 2U);
  for (std::size_t s = 0; s < 2; ++s) {
    const auto loss = [s](const nlohmann::json& reports) {
      return reports[s]["folds"][1]["members"][0]["train_loss"].get<double>();
    };
    EXPECT_NEAR(loss(sim), loss(cpu), 2e-5);
  }
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

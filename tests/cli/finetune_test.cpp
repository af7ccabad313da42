// The verb, on the whole network with few examples and few trained layers.
#include <gtest/gtest.h>

#include <filesystem>
#include <nlohmann/json.hpp>
#include <sstream>
#include <string>
#include <vector>

#include "engine/heads/dense_head.h"
#include "tests/support/run_program.h"
#include "tests/support/temporary_folder.h"
#include "tests/support/wav_file.h"
#include "tests/train/toy_features.h"
#include "train/logmel_set.h"
#include "weights/he_init.h"
#include "weights/model_file.h"

namespace vggroove {
namespace {

namespace fs = std::filesystem;
using testing::ProgramResult;
using testing::read_file;
using testing::run_vggroove;
using testing::TemporaryFolder;

class FinetuneVerb : public ::testing::Test {
 protected:
  // One model for all tests: writing 289 MB takes longer than most of them.
  static void SetUpTestSuite() {
    folder_ = new TemporaryFolder;
    weights::write_he_init_model(*folder_ / "base.safetensors", 1, {}, 2);
    FeatureSet logmels = testing::toy_features(2, 4, 3, 1, kLogMelFeatures, 1);
    write_feature_table(*folder_ / "set.npz", logmels);
  }
  static void TearDownTestSuite() { delete folder_; }

  static std::string path(const std::string& name) { return (*folder_ / name).string(); }
  static ProgramResult run(std::vector<std::string> more, const testing::RunOptions& options = {}) {
    std::vector<std::string> arguments = {
        "finetune", path("set.npz"), "--base", path("base.safetensors"), "--hidden",
        "8",        "--batch",       "4",      "--validation",           "0.25",
        "--lr",     "0.001"};
    arguments.insert(arguments.end(), more.begin(), more.end());
    return run_vggroove(arguments, options);
  }

  static TemporaryFolder* folder_;
};
TemporaryFolder* FinetuneVerb::folder_ = nullptr;

TEST_F(FinetuneVerb, trains_the_upper_layers_and_leaves_the_others) {
  const ProgramResult result = run({"--layers", "fc2", "--epochs", "2", "--out",
                                    path("a.safetensors"), "--log", path("log.jsonl")});
  ASSERT_EQ(result.exit_code, 0) << result.err;
  EXPECT_NE(result.out.find("trained on 6 clips from fc2 up, validated on 2"), std::string::npos)
      << result.out;
  EXPECT_FALSE(fs::exists(path("a.safetensors.checkpoint")));
  const auto base = weights::ModelFile::open(path("base.safetensors"));
  const auto model = weights::ModelFile::open(path("a.safetensors"));
  EXPECT_EQ(model.metadata().origin, "finetuned");
  EXPECT_EQ(DenseHead::from_model(model).num_hidden, 8);
  EXPECT_EQ(model.read_all("vggish/conv2/weights"), base.read_all("vggish/conv2/weights"));
  EXPECT_NE(model.read_all("vggish/fc2/weights"), base.read_all("vggish/fc2/weights"));
  EXPECT_EQ(model.metadata().training.at("kind"), "finetune");
  EXPECT_EQ(model.metadata().training.at("settings").at("first_layer"), "fc2");

  std::istringstream log(read_file(path("log.jsonl")));
  std::string line;
  for (int epoch = 1; epoch <= 2; ++epoch) {
    ASSERT_TRUE(std::getline(log, line));
    EXPECT_EQ(nlohmann::json::parse(line).at("epoch"), epoch);
  }
  EXPECT_FALSE(std::getline(log, line));
}

TEST_F(FinetuneVerb, an_interrupted_run_resumes_to_the_same_file) {
  const std::vector<std::string> options = {"--layers", "fc2", "--epochs", "3", "--mixup", "0.3"};
  const auto run_to = [&](const std::string& name, std::vector<std::string> more,
                          const testing::RunOptions& how = {}) {
    more.insert(more.end(), options.begin(), options.end());
    more.insert(more.end(), {"--out", path(name)});
    return run(more, how);
  };
  ASSERT_EQ(run_to("straight.safetensors", {}).exit_code, 0);
  testing::RunOptions interrupt;
  interrupt.interrupt_when = path("resumed.safetensors.checkpoint");
  // The run may have come through before the signal did: then there is nothing left to resume.
  const int exit_code = run_to("resumed.safetensors", {}, interrupt).exit_code;
  if (exit_code != 0) {
    EXPECT_EQ(exit_code, 128 + SIGINT);
    EXPECT_TRUE(fs::exists(path("resumed.safetensors.checkpoint")));
    ASSERT_EQ(run_to("resumed.safetensors", {"--resume"}).exit_code, 0);
  }
  EXPECT_TRUE(read_file(path("straight.safetensors")) == read_file(path("resumed.safetensors")));
}

TEST_F(FinetuneVerb, decodes_audio_and_keeps_it_for_later_runs) {
  for (const char* genre : {"low", "high"}) {
    fs::create_directories(*folder_ / "music" / genre);
    for (int clip = 0; clip < 2; ++clip) {
      testing::write_tone(*folder_ / "music" / genre / (std::to_string(clip) + ".wav"), 2.1,
                          (genre[0] == 'l' ? 200 : 2000) + 50 * clip);
    }
  }
  testing::write_bytes(*folder_ / "music" / "low" / "bad.wav", "RIFF");
  const ProgramResult result =
      run_vggroove({"finetune", path("music"), "--base", path("base.safetensors"), "--layers",
                    "head", "--epochs", "1", "--validation", "0", "--batch", "4", "--save-features",
                    path("music.npz"), "--random-crop", "--out", path("b.safetensors")});
  EXPECT_EQ(result.exit_code, 3) << result.err;
  EXPECT_NE(result.err.find("bad.wav"), std::string::npos);
  EXPECT_NE(result.out.find("4 clips of 2 genres, 8 examples"), std::string::npos) << result.out;
  EXPECT_EQ(weights::ModelFile::open(path("b.safetensors")).metadata().origin, "he-init");
  EXPECT_EQ(read_feature_table(path("music.npz")).num_features, kLogMelFeatures);
  const ProgramResult scores =
      run_vggroove({"evaluate", path("music"), "--model", path("b.safetensors")});
  EXPECT_EQ(scores.exit_code, 3) << scores.err;
}

TEST_F(FinetuneVerb, says_what_does_not_fit) {
  const auto usage_error = [](std::vector<std::string> more, const char* words) {
    more.insert(more.end(), {"--out", path("c.safetensors")});
    const ProgramResult result = run(more);
    EXPECT_EQ(result.exit_code, 2);
    EXPECT_NE(result.err.find(words), std::string::npos) << result.err;
  };
  usage_error({"--dropout", "1"}, "the dropout is 1");
  usage_error({"--layers", "conv9"}, "no layer is called \"conv9\"");
  usage_error({"--optimizer", "lion"}, "--optimizer");
  usage_error({"--device", "abacus"}, "--device");
  write_feature_table(*folder_ / "embeddings.npz", testing::toy_features(2, 4, 3));
  const ProgramResult result = run_vggroove(
      {"finetune", path("embeddings.npz"), "--base", path("base.safetensors"), "--out", path("c")});
  EXPECT_EQ(result.exit_code, 2);
  EXPECT_NE(result.err.find("its rows have 8 values"), std::string::npos) << result.err;
}

}  // namespace
}  // namespace vggroove

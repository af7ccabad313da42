// The verb, on the whole network with few examples and few trained layers.
#include <gtest/gtest.h>

#include <chrono>
#include <csignal>
#include <cstdlib>
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
#include "train/random.h"
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

  // A run of two epochs to be disturbed, and the model of one that was not.
  static ProgramResult run_to(const std::string& name, std::vector<std::string> more = {},
                              const testing::RunOptions& how = {}) {
    more.insert(more.end(),
                {"--layers", "fc2", "--epochs", "2", "--mixup", "0.3", "--out", path(name)});
    return run(more, how);
  }
  static void run_straight() {
    if (!fs::exists(path("straight"))) {
      const auto start = std::chrono::steady_clock::now();
      straight_result_ = run_to("straight", {"--log", path("log.jsonl"), "--report", path("page")});
      ASSERT_EQ(straight_result_.exit_code, 0) << straight_result_.err;
      straight_duration_ = std::chrono::steady_clock::now() - start;
    }
  }
  static void expect_straight(const std::string& name) {
    EXPECT_TRUE(read_file(path("straight")) == read_file(path(name)));
    for (const fs::directory_entry& entry : fs::directory_iterator(folder_->path())) {
      const std::string file = entry.path().filename().string();
      EXPECT_TRUE(file == name || !file.starts_with(name)) << "left behind: " << file;
    }
  }

  static TemporaryFolder* folder_;
  static ProgramResult straight_result_;
  static std::chrono::duration<double> straight_duration_;
};
TemporaryFolder* FinetuneVerb::folder_ = nullptr;
ProgramResult FinetuneVerb::straight_result_;
std::chrono::duration<double> FinetuneVerb::straight_duration_{0};

TEST_F(FinetuneVerb, trains_the_upper_layers_and_leaves_the_others) {
  run_straight();
  const ProgramResult& result = straight_result_;
  ASSERT_EQ(result.exit_code, 0) << result.err;
  EXPECT_NE(result.out.find("trained on 6 clips from fc2 up, validated on 2"), std::string::npos)
      << result.out;
  EXPECT_FALSE(fs::exists(path("straight.checkpoint")));
  const auto base = weights::ModelFile::open(path("base.safetensors"));
  const auto model = weights::ModelFile::open(path("straight"));
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

  // Its predictions are those of the model that was written.
  const auto metrics = nlohmann::json::parse(read_file(path("page/metrics.json")));
  EXPECT_EQ(metrics.at("num_clips"), 2);
  const auto& epochs = model.metadata().training.at("epochs");
  EXPECT_EQ(metrics.at("log_loss"), epochs.back().at("validation_loss"));
  EXPECT_EQ(metrics.at("training").at("settings").at("first_layer"), "fc2");
  const std::string page = read_file(path("page/index.html"));
  EXPECT_NE(page.find("These clips chose the epoch"), std::string::npos);
  EXPECT_NE(page.find("Learning curves"), std::string::npos);
  for (const char* const picture : {"confusion", "f1", "calibration", "curves"}) {
    EXPECT_TRUE(fs::exists(path("page") + "/" + picture + ".png")) << picture;
  }
}

TEST_F(FinetuneVerb, resumes_after_an_interrupt_to_the_same_file) {
  run_straight();
  testing::RunOptions interrupt;
  interrupt.interrupt_when = path("interrupted.checkpoint");
  // The run may have come through before the signal did: then there is nothing left to resume.
  const int exit_code = run_to("interrupted", {}, interrupt).exit_code;
  if (exit_code != 0) {
    EXPECT_EQ(exit_code, 128 + SIGINT);
    EXPECT_TRUE(fs::exists(path("interrupted.checkpoint")));
    ASSERT_EQ(run_to("interrupted", {"--resume"}).exit_code, 0);
  }
  expect_straight("interrupted");
}

// $VGGROOVE_KILLS: how often (default: once). Each kill comes at any moment of what a whole run
// takes; a run that comes through is compared and begins again.
TEST_F(FinetuneVerb, resumes_after_kills_at_random_moments_to_the_same_file) {
  run_straight();
  const char* const wanted = std::getenv("VGGROOVE_KILLS");
  const int num_kills = wanted != nullptr ? std::atoi(wanted) : 1;
  Random random(static_cast<std::uint64_t>(num_kills));
  int kills = 0;
  while (kills < num_kills) {
    testing::RunOptions how;
    how.kill_after = std::chrono::milliseconds(
        1 + static_cast<std::int64_t>(1000 * random.uniform() * straight_duration_.count()));
    const int exit_code = run_to("killed", {"--resume"}, how).exit_code;
    if (exit_code == 0) {
      expect_straight("killed");
      fs::remove(path("killed"));
    } else {
      ASSERT_EQ(exit_code, 128 + SIGKILL);
      ++kills;
    }
  }
  ASSERT_EQ(run_to("killed", {"--resume"}).exit_code, 0);
  expect_straight("killed");
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

// crossval --finetune of two folds, its scores in `name`.json.
ProgramResult crossval_to(const std::string& data, const std::string& base, const std::string& name,
                          std::vector<std::string> more = {}, const testing::RunOptions& how = {}) {
  std::vector<std::string> arguments = {"crossval", data,          "--finetune",
                                        "--base",   base,          "--layers",
                                        "fc2",      "--hidden",    "0",
                                        "--folds",  "2",           "--lr",
                                        "0.001",    "--batch",     "4",
                                        "--epochs", "2",           "--validation",
                                        "0.25",     "--work",      name + ".folds",
                                        "--json",   name + ".json"};
  arguments.insert(arguments.end(), more.begin(), more.end());
  return run_vggroove(arguments, how);
}

TEST_F(FinetuneVerb, cross_validation_resumes_after_an_interrupt_to_the_same_report) {
  const std::string base = path("base.safetensors");
  const ProgramResult straight =
      crossval_to(path("set.npz"), base, path("cv"), {"--report", path("cv-page")});
  ASSERT_EQ(straight.exit_code, 0) << straight.err;
  EXPECT_NE(straight.err.find("folds by clips, fold 2 of 2: accuracy"), std::string::npos)
      << straight.err;
  EXPECT_NE(straight.out.find("8 clips of 2 genres, 8 examples"), std::string::npos);
  const nlohmann::json report =
      nlohmann::json::parse(read_file(path("cv.json"))).at("runs").at(0).at("reports").at(0);
  EXPECT_EQ(report.at("settings").at(0).at("first_layer"), "fc2");
  EXPECT_EQ(report.at("predictions").size(), 8U);
  EXPECT_EQ(report.at("folds").at(1).at("curves").at(0).size(), 2U);
  const std::string page = read_file(path("cv-page/index.html"));
  EXPECT_NE(page.find("Learning curves"), std::string::npos);
  EXPECT_NE(page.find("2 trainings: thin lines"), std::string::npos);

  testing::RunOptions interrupt;
  interrupt.interrupt_when = path("cut.folds/clips/repetition-1-fold-2.checkpoint");
  const int exit_code = crossval_to(path("set.npz"), base, path("cut"), {}, interrupt).exit_code;
  // The run may have come through before the signal did: then there is nothing left to resume.
  if (exit_code != 0) {
    EXPECT_EQ(exit_code, 128 + SIGINT);
    const ProgramResult resumed = crossval_to(path("set.npz"), base, path("cut"), {"--resume"});
    ASSERT_EQ(resumed.exit_code, 0) << resumed.err;
    EXPECT_NE(resumed.err.find("kept from before"), std::string::npos) << resumed.err;
    EXPECT_EQ(resumed.out, straight.out);
  }
  EXPECT_EQ(read_file(path("cut.json")), read_file(path("cv.json")));
  const ProgramResult other =
      crossval_to(path("set.npz"), base, path("cut"), {"--resume", "--seed", "1"});
  EXPECT_EQ(other.exit_code, 2);
  EXPECT_NE(other.err.find("other options, data or base model"), std::string::npos) << other.err;
}

TEST_F(FinetuneVerb, cross_validation_says_what_does_not_fit) {
  const auto usage_error = [](std::vector<std::string> arguments, const char* words) {
    arguments.insert(arguments.begin(), {"crossval", path("set.npz")});
    const ProgramResult result = run_vggroove(arguments);
    EXPECT_EQ(result.exit_code, 2);
    EXPECT_NE(result.err.find(words), std::string::npos) << result.err;
  };
  usage_error({"--finetune", "--members", "2"}, "--members is for classifiers on embeddings");
  usage_error({"--random-crop"}, "--random-crop is for fine-tuning; add --finetune");
  usage_error({"--resume"}, "--resume is for fine-tuning");
  usage_error({"--finetune", "--dropout", "1"}, "the dropout is 1");
  usage_error({"--finetune", "--layers", "conv9"}, "no layer is called \"conv9\"");
  usage_error({"--finetune", "--select", "2"}, "there is one setting");
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
  testing::RunOptions as_one_of_two;
  as_one_of_two.environment = {"OMPI_COMM_WORLD_SIZE=2", "OMPI_COMM_WORLD_RANK=0",
                               "VGGROOVE_PLUGIN_DIR=" + folder_->path().string()};
  const ProgramResult no_mpi = run({"--out", path("c.safetensors")}, as_one_of_two);
  EXPECT_EQ(no_mpi.exit_code, 1);
  EXPECT_NE(no_mpi.err.find("mpirun started 2 processes, but there is no libvggroove_mpi.so in " +
                            folder_->path().string()),
            std::string::npos)
      << no_mpi.err;
  const ProgramResult crossval =
      crossval_to(path("set.npz"), path("base.safetensors"), path("none"), {}, as_one_of_two);
  EXPECT_EQ(crossval.exit_code, 2);
  EXPECT_NE(crossval.err.find("in one process, but mpirun started 2"), std::string::npos)
      << crossval.err;
  const ProgramResult unvalidated =
      run_vggroove({"finetune", path("set.npz"), "--base", path("base.safetensors"), "--validation",
                    "0", "--report", path("none"), "--out", path("c")});
  EXPECT_EQ(unvalidated.exit_code, 2);
  EXPECT_NE(unvalidated.err.find("--report shows validation clips"), std::string::npos)
      << unvalidated.err;
  write_feature_table(*folder_ / "embeddings.npz", testing::toy_features(2, 4, 3));
  const ProgramResult result = run_vggroove(
      {"finetune", path("embeddings.npz"), "--base", path("base.safetensors"), "--out", path("c")});
  EXPECT_EQ(result.exit_code, 2);
  EXPECT_NE(result.err.find("its rows have 8 values"), std::string::npos) << result.err;
}

}  // namespace
}  // namespace vggroove

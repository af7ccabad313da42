// `mpirun -n N vggroove finetune`: the upper layers of the whole network, on few examples.
#include <gtest/gtest.h>

#include <cmath>
#include <cstddef>
#include <filesystem>
#include <nlohmann/json.hpp>
#include <sstream>
#include <string>
#include <vector>

#include "tests/support/compare.h"
#include "tests/support/file_size_limit.h"
#include "tests/support/run_program.h"
#include "tests/support/temporary_folder.h"
#include "tests/train/toy_features.h"
#include "train/logmel_set.h"
#include "weights/he_init.h"
#include "weights/model_file.h"

namespace vggroove {
namespace {

namespace fs = std::filesystem;
using testing::expect_within;
using testing::ProgramResult;
using testing::RunOptions;
using testing::TemporaryFolder;

// 18 examples to train on, in batches of 4: the last one is of 2, too few for three processes.
class FinetuneMpirun : public ::testing::Test {
 protected:
  static void SetUpTestSuite() {
    folder_ = new TemporaryFolder;
    weights::write_he_init_model(*folder_ / "base.safetensors", 1, {}, 2);
    write_feature_table(*folder_ / "set.npz",
                        testing::toy_features(2, 4, 3, 1, kLogMelFeatures, 3));
  }
  static void TearDownTestSuite() { delete folder_; }

  static std::string path(const std::string& name) { return (*folder_ / name).string(); }

  // Writes NAME and NAME.log.
  static ProgramResult run(int num_processes, const std::string& name,
                           std::vector<std::string> more = {}, RunOptions how = {}) {
    if (num_processes > 1) {
      how.launcher = {VGGROOVE_MPIRUN,   "-n",        std::to_string(num_processes),
                      "--oversubscribe", "--bind-to", "none"};
    }
    std::vector<std::string> arguments = {"finetune",     path("set.npz"),
                                          "--base",       path("base.safetensors"),
                                          "--layers",     "fc2",
                                          "--hidden",     "8",
                                          "--batch",      "4",
                                          "--epochs",     "2",
                                          "--validation", "0.25",
                                          "--mixup",      "0.3",
                                          "--lr",         "0.01",
                                          "--optimizer",  "sgd",
                                          "--log",        path(name + ".log"),
                                          "--out",        path(name)};
    arguments.insert(arguments.end(), more.begin(), more.end());
    return testing::run_vggroove(arguments, how);
  }
  static std::vector<nlohmann::json> epochs(const std::string& name) {
    std::vector<nlohmann::json> list;
    std::istringstream log(testing::read_file(path(name + ".log")));
    for (std::string line; std::getline(log, line);) {
      list.push_back(nlohmann::json::parse(line));
    }
    return list;
  }
  static std::vector<float> weights_of(const std::string& name) {
    return weights::ModelFile::open(path(name)).read_all("vggish/fc2/weights");
  }
  static std::size_t count(const std::string& text, const std::string& words) {
    std::size_t number = 0;
    for (std::size_t at = text.find(words); at != std::string::npos;
         at = text.find(words, at + 1)) {
      ++number;
    }
    return number;
  }

  static TemporaryFolder* folder_;
};
TemporaryFolder* FinetuneMpirun::folder_ = nullptr;

TEST_F(FinetuneMpirun, have_the_losses_and_weights_of_one) {
  ASSERT_EQ(run(1, "one").exit_code, 0);
  // Ten steps, momentum adding up ten of each, gradients that are sums of 4 examples.
  const double tolerance = 10 * 10 * std::sqrt(4.0) * 0x1p-24;
  for (const int num_processes : {2, 3}) {
    SCOPED_TRACE(num_processes);
    const std::string name = std::to_string(num_processes) + "-processes";
    const ProgramResult result = run(num_processes, name);
    ASSERT_EQ(result.exit_code, 0) << result.err;
    EXPECT_EQ(count(result.out, "wrote "), 1U) << result.out;
    EXPECT_NE(result.out.find(name[0] + std::string(" processes")), std::string::npos)
        << result.out;
    const auto one = epochs("one"), several = epochs(name);
    ASSERT_EQ(one.size(), 2U);
    ASSERT_EQ(several.size(), 2U);
    for (std::size_t i = 0; i < one.size(); ++i) {
      for (const char* loss : {"train_loss", "validation_loss"}) {
        const double expected = one[i].at(loss);
        expect_within(std::abs(several[i].at(loss).get<double>() - expected) / expected, tolerance,
                      loss);
      }
    }
    const std::vector<float> before = weights_of("base.safetensors");
    std::vector<float> expected = weights_of("one"), change = weights_of(name);
    for (std::size_t i = 0; i < before.size(); ++i) {
      expected[i] -= before[i];
      change[i] -= before[i];
    }
    // Of the change, whose size is 1e-3 of the weights' own; they keep 24 bits.
    expect_within(testing::relative_l2<float, float>(change, expected), 1e3 * tolerance, "change");
  }
}

TEST_F(FinetuneMpirun, resume_to_the_same_file_when_one_was_killed) {
  if (!fs::exists(path("2-processes"))) {
    ASSERT_EQ(run(2, "2-processes").exit_code, 0);
  }
  RunOptions kill;
  kill.interrupt_when = path("killed.checkpoint");
  kill.kill_a_child = true;
  // The run may have come through before the signal did: then there is nothing left to resume.
  if (run(2, "killed", {}, kill).exit_code != 0) {
    EXPECT_TRUE(fs::exists(path("killed.checkpoint")));
    ASSERT_EQ(run(2, "killed", {"--resume"}).exit_code, 0);
  }
  EXPECT_TRUE(testing::read_file(path("2-processes")) == testing::read_file(path("killed")));
}

TEST_F(FinetuneMpirun, end_together_and_say_why_once) {
  const ProgramResult alike = run(2, "alike", {"--device", "cpu", "--precision", "tf32"});
  EXPECT_EQ(alike.exit_code, 2);
  EXPECT_EQ(count(alike.err, "this cpu does not train in tf32"), 1U) << alike.err;

  // The model file does not fit: the first process fails in the middle of the run.
  const testing::FileSizeLimit limit(100'000'000);
  const ProgramResult full = run(2, "full");
  EXPECT_EQ(full.exit_code, 1);
  EXPECT_EQ(count(full.err, "cannot write"), 1U) << full.err;
  EXPECT_NE(full.err.find(path("full")), std::string::npos) << full.err;
  EXPECT_FALSE(fs::exists(path("full")));
}

}  // namespace
}  // namespace vggroove

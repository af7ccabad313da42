#include <gtest/gtest.h>

#include <cmath>
#include <cstdint>
#include <filesystem>
#include <fstream>
#include <nlohmann/json.hpp>
#include <string>
#include <vector>

#include "engine/heads/dense_head.h"
#include "tests/support/run_program.h"
#include "tests/support/temporary_folder.h"
#include "tests/support/wav_file.h"
#include "tests/train/toy_features.h"
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
using testing::toy_features;

// Clouds that are far apart; four clips in a row are of one group.
FeatureSet separable_features() {
  FeatureSet features = toy_features(3, 40, 8);
  for (std::size_t clip = 0; clip < features.clips.size(); ++clip) {
    features.clips[clip].group = "artist " + std::to_string(clip / 4);
  }
  return features;
}

class TrainVerbs : public ::testing::Test {
 protected:
  TrainVerbs() { write_feature_table(table_, separable_features()); }

  ProgramResult run(const std::string& verb, std::vector<std::string> more) const {
    std::vector<std::string> arguments = {verb, table_, "--hidden", "8", "--lr", "0.01"};
    arguments.insert(arguments.end(), more.begin(), more.end());
    return run_vggroove(arguments);
  }
  // `weights inspect` and readers of other programs see this.
  static nlohmann::json training_record(const fs::path& path) {
    return weights::ModelFile::open(path).metadata().training;
  }
  std::string path(const char* name) const { return (folder_ / name).string(); }

  TemporaryFolder folder_;
  std::string table_ = path("set.npz");
};

TEST_F(TrainVerbs, train_writes_a_head_that_evaluate_takes) {
  const ProgramResult trained = run("train", {"--out", path("head.safetensors"), "--seed", "3"});
  ASSERT_EQ(trained.exit_code, 0) << trained.err;
  EXPECT_NE(trained.out.find("120 clips of 3 genres, 360 examples, 30 groups"), std::string::npos)
      << trained.out;
  const auto model = weights::ModelFile::open(path("head.safetensors"));
  EXPECT_EQ(model.metadata().architecture, "head");
  EXPECT_FALSE(model.has_network());
  EXPECT_EQ(DenseHead::from_model(model).num_hidden, 5 * 8);
  const nlohmann::json record = training_record(path("head.safetensors"));
  EXPECT_EQ(record.at("data"), "set.npz");
  EXPECT_EQ(record.at("clips"), 120);
  EXPECT_EQ(record.at("settings").at("seed"), 3);
  EXPECT_EQ(record.at("settings").at("hidden"), 8);
  EXPECT_EQ(record.at("settings").at("grouped"), true);
  EXPECT_EQ(record.at("members").size(), 5U);
  EXPECT_FALSE(record.at("vggroove").get<std::string>().empty());

  const ProgramResult scores =
      run_vggroove({"evaluate", table_, "--head", path("head.safetensors"), "--json", "-"});
  ASSERT_EQ(scores.exit_code, 0) << scores.err;
  EXPECT_EQ(nlohmann::json::parse(scores.out).at("accuracy"), 1.0);
}

TEST_F(TrainVerbs, same_seed_gives_the_same_file) {
  for (const char* name : {"a.safetensors", "b.safetensors"}) {
    ASSERT_EQ(run("train", {"--out", path(name), "--epochs", "3"}).exit_code, 0);
  }
  ASSERT_EQ(
      run("train", {"--out", path("c.safetensors"), "--epochs", "3", "--jobs", "1"}).exit_code, 0);
  EXPECT_EQ(read_file(path("a.safetensors")), read_file(path("b.safetensors")));
  EXPECT_EQ(read_file(path("a.safetensors")), read_file(path("c.safetensors")));
}

TEST_F(TrainVerbs, train_keeps_to_the_splits_of_the_data) {
  FeatureSet features = separable_features();
  for (std::size_t clip = 0; clip < features.clips.size(); ++clip) {
    features.clips[clip].split = clip < 60 ? "train" : clip < 90 ? "valid" : "test";
  }
  // A clip that would ruin training, were it not left alone.
  features.rows[features.clips[119].first_row * 8] = 1e30F;
  write_feature_table(table_, features);
  const ProgramResult result =
      run("train", {"--out", path("head.safetensors"), "--members", "1", "--decision", "vote"});
  ASSERT_EQ(result.exit_code, 0) << result.err;
  EXPECT_NE(result.out.find("30 clips of other splits were left alone"), std::string::npos);
  const nlohmann::json member = training_record(path("head.safetensors")).at("members").at(0);
  EXPECT_EQ(member.at("train_clips"), 60);
  EXPECT_EQ(member.at("validation_clips"), 30);
  EXPECT_EQ(DenseHead::from_model(weights::ModelFile::open(path("head.safetensors"))).decision,
            ClipDecision::kVote);
}

TEST_F(TrainVerbs, train_needs_clips_to_train_on_and_two_genres) {
  FeatureSet features = separable_features();
  for (FeatureSet::Clip& clip : features.clips) {
    clip.split = clip.label == 0 ? "train" : "test";
  }
  write_feature_table(table_, features);
  ProgramResult result = run("train", {"--out", path("head.safetensors")});
  EXPECT_EQ(result.exit_code, 1);
  EXPECT_NE(result.err.find("needs two genres"), std::string::npos) << result.err;
  for (FeatureSet::Clip& clip : features.clips) {
    clip.split = "test";
  }
  write_feature_table(table_, features);
  result = run("train", {"--out", path("head.safetensors")});
  EXPECT_EQ(result.exit_code, 2);
  EXPECT_NE(result.err.find("none is \"train\""), std::string::npos) << result.err;
  EXPECT_FALSE(fs::exists(path("head.safetensors")));
}

TEST_F(TrainVerbs, options_out_of_range_are_usage_errors) {
  const auto usage_error = [&](const std::string& option, const std::string& value) {
    const ProgramResult result = run("train", {"--out", path("head.safetensors"), option, value});
    EXPECT_EQ(result.exit_code, 2) << option << ' ' << value << ": " << result.err;
    EXPECT_FALSE(result.err.empty());
  };
  usage_error("--dropout", "1");
  usage_error("--members", "0");
  usage_error("--validation", "0.9");
  usage_error("--decision", "oracle");
  usage_error("--out", "/no such folder/x");  // given twice
}

TEST_F(TrainVerbs, crossval_prints_folds_and_pooled_scores) {
  const ProgramResult result =
      run("crossval", {"--folds", "4", "--members", "1", "--picture", path("c.png")});
  ASSERT_EQ(result.exit_code, 0) << result.err;
  EXPECT_NE(result.out.find("by groups"), std::string::npos) << result.out;
  EXPECT_NE(result.out.find("100.0 +- 0.0 %"), std::string::npos) << result.out;
  EXPECT_NE(result.out.find("accuracy        100.0 % (120 of 120 clips"), std::string::npos);
  EXPECT_EQ(read_file(path("c.png")).substr(1, 3), "PNG");
  EXPECT_EQ(result.err, "");
}

TEST_F(TrainVerbs, crossval_compares_folds_by_clips_with_folds_by_groups) {
  const ProgramResult result =
      run("crossval", {"--folds", "4", "--members", "1", "--folds-by", "both", "--json",
                       path("s.json"), "--picture", path("c.png")});
  ASSERT_EQ(result.exit_code, 0) << result.err;
  EXPECT_NE(result.out.find("Folds by clips promise"), std::string::npos) << result.out;
  const auto json = nlohmann::json::parse(read_file(path("s.json")));
  ASSERT_EQ(json.at("runs").size(), 2U);
  EXPECT_EQ(json.at("runs").at(0).at("folds_by"), "clips");
  EXPECT_EQ(json.at("runs").at(1).at("folds_by"), "groups");
  EXPECT_EQ(json.at("runs").at(1).at("reports").at(0).at("folds").size(), 4U);
  EXPECT_EQ(json.at("runs").at(1).at("reports").at(0).at("predictions").size(), 120U);
  EXPECT_TRUE(fs::exists(path("c.png")));
}

TEST_F(TrainVerbs, crossval_writes_a_report_with_folds_and_curves) {
  const ProgramResult result = run("crossval", {"--folds", "4", "--members", "2", "--folds-by",
                                                "both", "--report", path("report")});
  ASSERT_EQ(result.exit_code, 0) << result.err;
  const std::string page = read_file(path("report/index.html"));
  for (const char* words : {"100.0<small>%</small>", "id=\"folds\"", "id=\"curves\"", "8 trainings",
                            "Every clip was predicted rightly", "--hidden"}) {
    EXPECT_NE(page.find(words), std::string::npos) << words;
  }
  EXPECT_NE(read_file(path("report/predictions.csv")).find("path,label,prediction,fold,p_class0"),
            std::string::npos);
  EXPECT_EQ(nlohmann::json::parse(read_file(path("report/metrics.json"))).at("runs").size(), 2U);
}

TEST_F(TrainVerbs, crossval_warns_of_groups_on_both_sides) {
  const ProgramResult result =
      run("crossval", {"--folds", "3", "--members", "1", "--folds-by", "clips"});
  ASSERT_EQ(result.exit_code, 0) << result.err;
  EXPECT_NE(result.err.find("will be too good"), std::string::npos) << result.err;
}

TEST_F(TrainVerbs, crossval_judges_every_setting_of_a_grid_or_lets_inner_folds_choose) {
  const std::vector<std::string> grid = {"crossval",  table_,    "--hidden", "0,4",       "--lr",
                                         "1e-9,0.05", "--folds", "3",        "--members", "1",
                                         "--epochs",  "20",      "--json"};
  std::vector<std::string> arguments = grid;
  arguments.push_back(path("all.json"));
  const ProgramResult all = run_vggroove(arguments);
  ASSERT_EQ(all.exit_code, 0) << all.err;
  EXPECT_NE(all.err.find("--select"), std::string::npos) << all.err;
  EXPECT_NE(all.out.find("hidden 4, learning_rate 0.05"), std::string::npos) << all.out;
  const auto reports =
      nlohmann::json::parse(read_file(path("all.json"))).at("runs").at(0).at("reports");
  ASSERT_EQ(reports.size(), 4U);
  EXPECT_EQ(reports.at(1).at("settings").at(0).at("hidden"), 0);
  EXPECT_EQ(reports.at(1).at("per_clip").at("accuracy").at("value"), 1.0);

  arguments = grid;
  arguments.insert(arguments.end(), {path("one.json"), "--select", "2", "--repeats", "2"});
  const ProgramResult selected = run_vggroove(arguments);
  ASSERT_EQ(selected.exit_code, 0) << selected.err;
  EXPECT_EQ(selected.err, "");
  EXPECT_NE(selected.out.find("Chosen by 2 inner folds"), std::string::npos) << selected.out;
  const auto json = nlohmann::json::parse(read_file(path("one.json")));
  EXPECT_EQ(json.at("repetitions"), 2);
  ASSERT_EQ(json.at("runs").at(0).at("reports").size(), 1U);
  const nlohmann::json& report = json.at("runs").at(0).at("reports").at(0);
  EXPECT_EQ(report.at("folds").size(), 6U);
  EXPECT_EQ(report.at("predictions").size(), 240U);
  for (const nlohmann::json& fold : report.at("folds")) {
    EXPECT_EQ(fold.at("setting").get<int>() % 2, 1);  // never the hopeless learning rate
  }
  EXPECT_EQ(run("crossval", {"--select", "2"}).exit_code, 2);  // one setting
}

TEST_F(TrainVerbs, crossval_follows_lists) {
  std::string lines[3];
  for (int clip = 0; clip < 120; ++clip) {
    lines[clip < 60 ? 0 : clip < 90 ? 1 : 2] += "clip " + std::to_string(clip) + "\n";
  }
  for (int part = 0; part < 3; ++part) {
    std::ofstream(path("list") + std::to_string(part)) << lines[part];
  }
  const ProgramResult result =
      run("crossval", {"--members", "1", "--train-list", path("list0"), "--valid-list",
                       path("list1"), "--test-list", path("list2"), "--json", path("s.json")});
  ASSERT_EQ(result.exit_code, 0) << result.err;
  // Groups of four: clips 88..91 are learned and tested.
  EXPECT_NE(result.err.find("on both sides (4 clips)"), std::string::npos) << result.err;
  const auto json = nlohmann::json::parse(read_file(path("s.json")));
  const nlohmann::json& fold = json.at("runs").at(0).at("reports").at(0).at("folds").at(0);
  EXPECT_EQ(fold.at("clips"), 30);
  EXPECT_EQ(fold.at("members").at(0).at("train_clips"), 60);
  EXPECT_EQ(fold.at("members").at(0).at("validation_clips"), 30);
  EXPECT_TRUE(
      json.at("runs").at(0).at("reports").at(0).at("per_clip").at("accuracy").at("std").is_null());
}

TEST_F(TrainVerbs, crossval_by_groups_needs_groups) {
  write_feature_table(table_, toy_features(3, 10, 8));
  const ProgramResult result = run("crossval", {"--folds-by", "groups"});
  EXPECT_EQ(result.exit_code, 2);
  EXPECT_NE(result.err.find("no two clips share a group"), std::string::npos) << result.err;
}

// A second of noise, loud or soft; a broken file among them.
void write_clips(const fs::path& folder) {
  Random random(4);
  for (const std::string genre : {"loud", "soft"}) {
    fs::create_directories(folder / genre);
    for (int clip = 0; clip < 4; ++clip) {
      std::vector<std::int16_t> samples(16000);
      for (std::int16_t& sample : samples) {
        sample = static_cast<std::int16_t>((genre == "loud" ? 8000 : 80) * random.normal() / 3);
      }
      std::ofstream(folder / genre / (std::to_string(clip) + ".wav"), std::ios::binary)
          << testing::wav_bytes<std::int16_t>(samples, 16000);
    }
  }
  std::ofstream(folder / "loud" / "broken.wav") << "not audio";
}

TEST_F(TrainVerbs, train_on_audio_writes_network_and_head_in_one_file) {
  write_clips(folder_ / "clips");
  const fs::path base = folder_ / "base.safetensors", out = folder_ / "genres.safetensors";
  weights::write_he_init_model(base, 1, nlohmann::json::object(), 2);
  const ProgramResult trained =
      run_vggroove({"train", path("clips"), "--model", base.string(), "--out", out.string(),
                    "--hidden", "8", "--validation", "0", "--epochs", "30", "--members", "1"});
  EXPECT_EQ(trained.exit_code, 3) << trained.err;  // the broken file
  EXPECT_NE(trained.err.find("broken.wav"), std::string::npos) << trained.err;
  const auto model = weights::ModelFile::open(out), base_model = weights::ModelFile::open(base);
  EXPECT_TRUE(model.has_network());
  EXPECT_EQ(model.metadata().origin, base_model.metadata().origin);
  EXPECT_EQ(model.metadata().labels, (std::vector<std::string>{"loud", "soft"}));
  EXPECT_EQ(model.read_all("vggish/fc2/weights"), base_model.read_all("vggish/fc2/weights"));
  const ProgramResult classified =
      run_vggroove({"classify", (folder_ / "clips" / "soft" / "0.wav").string(), "--model",
                    out.string(), "--format", "jsonl"});
  EXPECT_EQ(classified.exit_code, 0) << classified.err;
  EXPECT_NE(classified.out.find("soft"), std::string::npos);
}

}  // namespace
}  // namespace vggroove

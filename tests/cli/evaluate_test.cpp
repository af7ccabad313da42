#include <gtest/gtest.h>

#include <cstring>
#include <filesystem>
#include <nlohmann/json.hpp>
#include <string>
#include <vector>

#include "engine/heads/dense_head.h"
#include "tests/support/run_program.h"
#include "tests/support/temporary_folder.h"
#include "tests/support/wav_file.h"
#include "train/feature_set_builder.h"
#include "weights/model_file.h"

namespace vggroove {
namespace {

namespace fs = std::filesystem;
using testing::ProgramResult;
using testing::read_file;
using testing::run_vggroove;
using testing::TemporaryFolder;

// A head whose class is the largest of the inputs: the identity times a large number.
void write_head(const fs::path& path, const std::string& input_form = "float") {
  DenseHead head;
  head.labels = {"blues", "jazz", "rock"};
  head.num_inputs = 3;
  head.mean.assign(3, 0.0f);
  head.scale.assign(3, 1.0f);
  head.logits_weights = {9, 0, 0, 0, 9, 0, 0, 0, 9};
  head.logits_biases.assign(3, 0.0f);
  head.input_form = input_form;
  weights::ModelMetadata metadata;
  metadata.architecture = "head";
  head.describe(metadata);
  weights::write_model_file(path, metadata, head.to_tensors());
}

// Two clips of blues (one taken for jazz), one of jazz in the split "test".
FeatureSet example_features() {
  FeatureSetBuilder builder(3);
  const float blues[] = {1, 0, 0, 1, 0, 0}, jazz[] = {0, 1, 0};
  const auto file = [](const char* path, const char* label, const char* split) {
    return LabelledFile{.path = path, .label = label, .group = "", .split = split};
  };
  builder.add(file("a, b.wav", "blues", "train"), blues);
  builder.add(file("c.wav", "blues", "train"), jazz);
  builder.add(file("d.wav", "jazz", "test"), jazz);
  return builder.finish();
}

class Evaluate : public ::testing::Test {
 protected:
  Evaluate() {
    write_head(head_);
    write_feature_table(table_, example_features());
  }

  ProgramResult evaluate(std::vector<std::string> more = {}) const {
    std::vector<std::string> arguments = {"evaluate", table_, "--head", head_};
    arguments.insert(arguments.end(), more.begin(), more.end());
    return run_vggroove(arguments);
  }

  TemporaryFolder folder_;
  std::string head_ = (folder_ / "head.safetensors").string();
  std::string table_ = (folder_ / "set.npz").string();
};

TEST_F(Evaluate, writes_a_report) {
  const ProgramResult result = evaluate({"--report", (folder_ / "report").string()});
  ASSERT_EQ(result.exit_code, 0) << result.err;
  const std::string page = read_file(folder_ / "report/index.html");
  EXPECT_NE(page.find("66.7<small>%</small>"), std::string::npos);
  EXPECT_NE(page.find("blues</bdi> taken for"), std::string::npos);
  EXPECT_EQ(page.find("id=\"folds\""), std::string::npos);
  EXPECT_EQ(nlohmann::json::parse(read_file(folder_ / "report/metrics.json")).at("num_clips"), 3);
  write_head(folder_ / "file");
  EXPECT_EQ(evaluate({"--report", (folder_ / "file").string()}).exit_code, 1);
}

TEST_F(Evaluate, prints_a_table) {
  const ProgramResult result = evaluate();
  EXPECT_EQ(result.exit_code, 0) << result.err;
  EXPECT_TRUE(result.out.starts_with(
      "accuracy        66.7 % (2 of 3 clips; 95 % interval 20.8 to 93.9 %)\n"))
      << result.out;
  EXPECT_EQ(result.err, "");
}

TEST_F(Evaluate, writes_scores_picture_and_predictions) {
  const ProgramResult result =
      evaluate({"--json", (folder_ / "s.json").string(), "--picture", (folder_ / "c.png").string(),
                "--predictions", (folder_ / "p.csv").string()});
  ASSERT_EQ(result.exit_code, 0) << result.err;
  const auto json = nlohmann::json::parse(read_file(folder_ / "s.json"));
  EXPECT_EQ(json.at("num_clips"), 3);
  EXPECT_EQ(json.at("per_class").at("blues").at("recall"), 0.5);
  EXPECT_EQ(json.at("confusion"), nlohmann::json({{1, 1, 0}, {0, 1, 0}, {0, 0, 0}}));
  EXPECT_EQ(json.at("labels"), nlohmann::json({"blues", "jazz", "rock"}));
  EXPECT_EQ(json.at("failed"), nlohmann::json::array());
  EXPECT_EQ(json.at("model"), head_);
  EXPECT_TRUE(read_file(folder_ / "c.png").starts_with("\x89PNG\r\n"));
  // softmax of 9, 0, 0: 1 / (1 + 2 exp(-9)) = 0.999753
  EXPECT_EQ(read_file(folder_ / "p.csv"),
            "path,label,prediction,p_blues,p_jazz,p_rock\n"
            "\"a, b.wav\",blues,blues,0.999753,0.000123,0.000123\n"
            "c.wav,blues,jazz,0.000123,0.999753,0.000123\n"
            "d.wav,jazz,jazz,0.000123,0.999753,0.000123\n");
}

TEST_F(Evaluate, prints_json_alone_where_it_is_asked_to) {
  const ProgramResult result = evaluate({"--json", "-", "--split", "test"});
  ASSERT_EQ(result.exit_code, 0) << result.err;
  const auto json = nlohmann::json::parse(result.out);
  EXPECT_EQ(json.at("accuracy"), 1.0);
  EXPECT_EQ(json.at("num_clips"), 1);
  EXPECT_EQ(json.at("split"), "test");
}

TEST_F(Evaluate, takes_a_file_that_holds_only_a_head_as_the_model) {
  const ProgramResult result = run_vggroove({"evaluate", table_, "--model", head_});
  EXPECT_EQ(result.exit_code, 0) << result.err;
}

TEST_F(Evaluate, lists_both_sets_of_labels_where_the_model_lacks_one) {
  FeatureSet features = example_features();
  features.labels = {"blues", "polka"};
  write_feature_table(table_, features);
  const ProgramResult result = evaluate();
  EXPECT_EQ(result.exit_code, 2);
  EXPECT_NE(result.err.find("the model does not know polka; DATA has the labels blues, polka; the "
                            "model knows blues, jazz, rock"),
            std::string::npos)
      << result.err;
}

TEST_F(Evaluate, refuses_features_of_another_kind) {
  FeatureSet features = example_features();
  features.input_form = "quantized";
  write_feature_table(table_, features);
  ProgramResult result = evaluate();
  EXPECT_EQ(result.exit_code, 2);
  EXPECT_NE(result.err.find("holds features in AudioSet's form"), std::string::npos) << result.err;

  write_head(head_, "quantized");
  EXPECT_EQ(evaluate().exit_code, 0) << "features and head of the same form";
  write_feature_table(table_, example_features());
  EXPECT_EQ(evaluate().exit_code, 1) << "plain features, a head for AudioSet's form, and no PCA";

  FeatureSetBuilder builder(2);
  const float row[] = {1, 2};
  builder.add({.path = "a.wav", .label = "rock", .group = "", .split = ""}, row);
  write_feature_table(table_, builder.finish());
  write_head(head_);
  result = evaluate();
  EXPECT_EQ(result.exit_code, 2);
  EXPECT_NE(result.err.find("2 values per row, but the model's classifier takes 3"),
            std::string::npos)
      << result.err;
}

TEST_F(Evaluate, says_what_is_wrong_with_the_options) {
  struct Case {
    std::vector<std::string> arguments;
    int exit_code;
    std::string words;
  };
  const std::vector<Case> cases = {
      {{"--split", "valid"}, 2, "no clip is of the split 'valid'; the data have: test, train"},
      {{"--split", "dev"}, 2, "--split"},
      {{"--group", "artist"}, 2, "--group is for manifests"},
      {{"--save-features", (folder_ / "x.npz").string()}, 2, "is a feature table already"},
      {{"--json", (folder_ / "no/such/s.json").string()}, 1, "no/such/s.json: cannot create"},
  };
  for (const Case& wrong : cases) {
    const ProgramResult result = evaluate(wrong.arguments);
    EXPECT_EQ(result.exit_code, wrong.exit_code) << wrong.words;
    EXPECT_NE(result.err.find(wrong.words), std::string::npos) << result.err;
    EXPECT_EQ(result.out, "");
  }
  EXPECT_FALSE(fs::exists(folder_ / "x.npz"));
  const std::string manifest = (folder_ / "set.csv").string();
  testing::write_bytes(manifest, "path,label,split\na.wav,rock,train\n");
  const auto of_manifest = [&](std::vector<std::string> more) {
    more.insert(more.begin(), {"evaluate", manifest, "--model", head_});
    return run_vggroove(more).err;
  };
  EXPECT_NE(
      of_manifest({"--split", "test"}).find("no file is of the split 'test'; its splits: train"),
      std::string::npos);
  EXPECT_NE(of_manifest({"--group", "artist"}).find("set.csv:1: no column 'artist'"),
            std::string::npos);
  EXPECT_NE(of_manifest({"--save-features", "x.csv"}).find("the name must end in .npz"),
            std::string::npos);
  const ProgramResult missing =
      run_vggroove({"evaluate", (folder_ / "nowhere").string(), "--model", head_});
  EXPECT_EQ(missing.exit_code, 1);
  EXPECT_NE(missing.err.find("nowhere: does not exist"), std::string::npos) << missing.err;
}

}  // namespace
}  // namespace vggroove

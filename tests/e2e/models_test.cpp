// Models and heads that do not fit, and where they are looked for.
#include <gtest/gtest.h>

#include <fstream>
#include <nlohmann/json.hpp>

#include "tests/e2e/shared_files.h"
#include "tests/support/random_model.h"
#include "tests/support/run_program.h"
#include "tests/support/wav_file.h"

namespace vggroove::testing {
namespace {

namespace fs = std::filesystem;
using nlohmann::json;

// A safetensors file of one tensor, with vggroove's metadata where given.
void write_safetensors(const fs::path& path, const std::string& metadata) {
  json header = {{"weight", {{"dtype", "F32"}, {"shape", {2}}, {"data_offsets", {0, 8}}}}};
  if (!metadata.empty()) {
    header["__metadata__"] = {{"vggroove", metadata}};
  }
  const std::string text = header.dump();
  std::string bytes;
  for (int i = 0; i < 8; ++i) {
    bytes += static_cast<char>(text.size() >> (8 * i) & 0xff);
  }
  write_bytes(path, bytes + text + std::string(8, '\0'));
}

class Models : public ::testing::Test {
 protected:
  void expect_refusal(const std::vector<std::string>& arguments, const std::string& words,
                      const RunOptions& options = {}) {
    std::vector<std::string> all = {"classify", shared_.good()};
    all.insert(all.end(), arguments.begin(), arguments.end());
    const ProgramResult run = run_vggroove(all, options);
    EXPECT_TRUE(run.exit_code == 1 || run.exit_code == 2) << run.exit_code;
    EXPECT_NE(run.err.find(words), std::string::npos) << run.err;
    EXPECT_EQ(run.out, "");
  }

  // The beginning of the released model's file with another origin, as long as the whole by holes.
  fs::path imported_model() {
    const fs::path path = shared_.folder() / "imported.safetensors";
    const std::uintmax_t size = fs::file_size(shared_.released_model());
    std::string head(1 << 16, '\0');
    std::ifstream(shared_.released_model(), std::ios::binary).read(head.data(), 1 << 16);
    const std::size_t origin = head.find("released");
    head.replace(origin, 8, "imported");
    write_bytes(path, head);
    fs::resize_file(path, size);
    return path;
  }

  const SharedFiles& shared_ = SharedFiles::get();
};

TEST_F(Models, none_names_the_ways_to_get_one) {
  RunOptions options;
  options.environment = {"VGGROOVE_MODEL=",
                         "XDG_DATA_HOME=" + (shared_.folder() / "nothing").string()};
  for (const char* words : {"weights fetch vggish", "weights import", "weights init", "--model",
                            "nothing/vggroove/vggish.safetensors"}) {
    expect_refusal({}, words, options);
  }
}

TEST_F(Models, of_the_environment_and_of_the_default_place_are_found) {
  const fs::path place = shared_.folder() / "data" / "vggroove";
  fs::create_directories(place);
  write_bytes(place / "vggish.safetensors", "broken in the default place");
  RunOptions options;
  const std::string data_home = "XDG_DATA_HOME=" + (shared_.folder() / "data").string();
  options.environment = {"VGGROOVE_MODEL=", data_home};
  expect_refusal({}, "data/vggroove/vggish.safetensors", options);
  options.environment = {"VGGROOVE_MODEL=" + (shared_.folder() / "elsewhere.safetensors").string(),
                         data_home};
  expect_refusal({}, "elsewhere.safetensors", options);
}

TEST_F(Models, missing_is_named) {
  expect_refusal({"--model", shared_.folder() / "no-model.safetensors"}, "no-model.safetensors");
}

TEST_F(Models, of_another_architecture_are_refused) {
  const fs::path foreign = shared_.folder() / "foreign.safetensors";
  write_safetensors(foreign, "");
  expect_refusal({"--model", foreign}, "foreign.safetensors");
  write_safetensors(foreign, R"({"version":1,"architecture":"resnet50"})");
  expect_refusal({"--model", foreign}, "resnet50");
}

TEST_F(Models, corrupt_are_refused) {
  const fs::path corrupt = shared_.folder() / "corrupt.safetensors";
  write_bytes(corrupt, "");
  expect_refusal({"--model", corrupt}, "corrupt.safetensors");
  write_bytes(corrupt, std::string(1000, '\xff'));
  expect_refusal({"--model", corrupt}, "corrupt.safetensors");
  std::string head(1 << 20, '\0');
  std::ifstream(shared_.model(), std::ios::binary).read(head.data(), 1 << 20);
  write_bytes(corrupt, head);  // cut short
  expect_refusal({"--model", corrupt}, "corrupt.safetensors");
}

TEST_F(Models, without_a_head_names_the_ways_to_get_one) {
  for (const char* words : {"imported.safetensors", "no classifier", "vggroove train", "--head"}) {
    expect_refusal({"--model", imported_model()}, words);
  }
}

TEST_F(Models, head_of_another_width_is_refused) {
  DenseHead head = random_head(SharedFiles::labels(), 4);
  head.num_inputs = 64;
  head.mean.resize(64);
  head.scale.resize(64);
  head.logits_weights.resize(64 * SharedFiles::labels().size());
  weights::ModelMetadata metadata;
  metadata.architecture = "head";
  head.describe(metadata);
  const fs::path path = shared_.folder() / "narrow-head.safetensors";
  weights::write_model_file(path, metadata, head.to_tensors());
  expect_refusal({"--model", shared_.model(), "--head", path}, "narrow-head.safetensors");
}

TEST_F(Models, quantized_head_without_pca_parameters_is_refused) {
  DenseHead head = random_head(SharedFiles::labels(), 4);
  head.input_form = "quantized";
  weights::ModelMetadata metadata;
  metadata.architecture = "head";
  head.describe(metadata);
  const fs::path path = shared_.folder() / "quantized-head.safetensors";
  weights::write_model_file(path, metadata, head.to_tensors());
  expect_refusal({"--model", shared_.model(), "--head", path}, "PCA parameters");
}

TEST_F(Models, released_weights_take_the_shipped_head) {
  DenseHead head = random_head({"alpha", "beta"}, 5);
  head.input_form = "quantized";
  weights::ModelMetadata metadata;
  metadata.architecture = "head";
  head.describe(metadata);
  const fs::path data = shared_.folder() / "shipped";
  fs::create_directories(data / "heads");
  weights::write_model_file(data / "heads" / "audioset-genre10.safetensors", metadata,
                            head.to_tensors());
  RunOptions options;
  options.environment = {"VGGROOVE_DATA_DIR=" + data.string()};
  const std::vector<std::string> arguments = {"classify", shared_.good(), "--model",
                                              shared_.released_model()};
  const ProgramResult run = run_vggroove(arguments, options);
  EXPECT_EQ(run.exit_code, 0) << run.err;
  const json row = json::parse(run.out);
  EXPECT_TRUE(row["probabilities"].contains("alpha")) << row;

  options.environment = {"VGGROOVE_DATA_DIR=" + (shared_.folder() / "nothing").string()};
  const ProgramResult without = run_vggroove(arguments, options);
  EXPECT_EQ(without.exit_code, 2);
  EXPECT_NE(without.err.find("VGGROOVE_DATA_DIR"), std::string::npos) << without.err;
}

}  // namespace
}  // namespace vggroove::testing

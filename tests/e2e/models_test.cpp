// Models and heads that do not fit, and where they are looked for.
#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <cstdint>
#include <fstream>
#include <nlohmann/json.hpp>

#include "engine/heads/postprocess.h"
#include "tests/e2e/shared_files.h"
#include "tests/support/random_model.h"
#include "tests/support/run_program.h"
#include "tests/support/wav_file.h"
#include "weights/npz.h"

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

  // A model with the tensors of `source` (but those whose names begin with `without`), all zero:
  // the data is a hole in the file.
  fs::path model_of_origin(const std::string& origin, const fs::path& source,
                           const std::string& without = "") {
    std::ifstream file(source, std::ios::binary);
    std::uint64_t length = 0;  // of the header, little endian
    file.read(reinterpret_cast<char*>(&length), sizeof length);
    std::string text(length, '\0');
    file.read(text.data(), static_cast<std::streamsize>(length));
    json header = json::parse(text);
    json metadata = json::parse(header["__metadata__"]["vggroove"].get<std::string>());
    metadata["origin"] = origin;
    header["__metadata__"]["vggroove"] = metadata.dump();
    std::uint64_t data_bytes = 0;
    for (auto tensor = header.begin(); tensor != header.end();) {
      if (!without.empty() && tensor.key().starts_with(without)) {
        tensor = header.erase(tensor);
        continue;
      }
      if (tensor.key() != "__metadata__") {
        const std::uint64_t last = tensor.value()["data_offsets"][1];
        data_bytes = std::max(data_bytes, last);
      }
      ++tensor;
    }
    text = header.dump();
    text.resize((text.size() + 7) / 8 * 8, ' ');
    length = text.size();
    const fs::path path = shared_.folder() / (origin + "-model.safetensors");
    write_bytes(path, std::string(reinterpret_cast<const char*>(&length), sizeof length) + text);
    fs::resize_file(path, sizeof length + length + data_bytes);
    return path;
  }

  // The row that `classify` writes with the files that come with this source tree.
  json classify_with_own_files(const fs::path& model) {
    const ProgramResult run =
        run_vggroove({"classify", shared_.good(), "--model", model}, own_files_);
    EXPECT_EQ(run.exit_code, 0) << run.err;
    return run.exit_code == 0 ? json::parse(run.out) : json();
  }

  const RunOptions own_files_ = [] {
    RunOptions options;
    options.environment = {"VGGROOVE_DATA_DIR="};  // empty: not set
    return options;
  }();
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
  for (const char* origin : {"imported", "he-init"}) {
    const fs::path model = model_of_origin(origin, shared_.released_model());
    for (const char* words : {"-model.safetensors", "no classifier", "vggroove train", "--head",
                              "vggroove weights fetch vggish"}) {
      expect_refusal({"--model", model}, words, own_files_);
    }
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

TEST_F(Models, released_weights_take_the_head_of_this_source_tree_on_post_processed_embeddings) {
  const json row = classify_with_own_files(shared_.released_model());
  ASSERT_TRUE(row.contains("probabilities")) << row;

  const fs::path embeddings = shared_.folder() / "postprocessed.npy";
  const ProgramResult run =
      run_vggroove({"embed", shared_.good(), "--model", shared_.released_model(), "--postprocess",
                    "--out", embeddings});
  ASSERT_EQ(run.exit_code, 0) << run.err;
  const weights::Tensor quantized = weights::read_npy(embeddings).tensor;
  ASSERT_EQ(quantized.shape.size(), 2U);
  std::vector<float> inputs(quantized.data.size());
  dequantize(reinterpret_cast<const std::uint8_t*>(quantized.data.data()), inputs.size(),
             inputs.data());
  const DenseHead head = DenseHead::from_model(weights::ModelFile::open(
      fs::path(VGGROOVE_SOURCE_DIR) / "weights" / "heads" / "audioset-genre10.safetensors"));
  const std::vector<float> expected =
      head.clip_probabilities(inputs.data(), static_cast<std::size_t>(quantized.shape[0]));
  ASSERT_EQ(row["probabilities"].size(), expected.size());
  for (std::size_t i = 0; i < expected.size(); ++i) {
    const double difference =
        std::abs(row["probabilities"][head.labels[i]].get<double>() - expected[i]);
    EXPECT_TRUE(difference <= 1e-6) << head.labels[i] << " differs by " << difference;
  }
}

TEST_F(Models, released_weights_with_a_head_of_their_own_keep_it) {
  const json row = classify_with_own_files(model_of_origin("released", shared_.model()));
  ASSERT_EQ(row["probabilities"].size(), SharedFiles::labels().size()) << row;
  for (const std::string& label : SharedFiles::labels()) {
    EXPECT_TRUE(row["probabilities"].contains(label)) << row;
  }
}

TEST_F(Models, released_weights_without_pca_parameters_name_the_way_to_add_them) {
  const fs::path model = model_of_origin("released", shared_.released_model(), "postprocess/");
  for (const char* words : {"audioset-genre10.safetensors", "no PCA parameters",
                            "weights import vggish_pca_params.npz --base"}) {
    expect_refusal({"--model", model}, words, own_files_);
  }
}

}  // namespace
}  // namespace vggroove::testing

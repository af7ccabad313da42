#include "weights/model_file.h"

#include <gtest/gtest.h>

#include <cstring>
#include <functional>
#include <string>

#include "tests/support/expect_error.h"
#include "tests/support/file_size_limit.h"
#include "tests/support/temporary_folder.h"
#include "tests/weights/golden.h"
#include "tests/weights/sparse_file.h"

namespace vggroove::weights {
namespace {

using vggroove::testing::expect_error;
using vggroove::testing::TemporaryFolder;
using weights::testing::contents;
using weights::testing::golden;
using weights::testing::network_headers;
using weights::testing::put;
using weights::testing::put_sparse;
using weights::testing::ramp_values;

Tensor ramp_tensor(const std::string& name, const Shape& shape) {
  const std::vector<float> values = ramp_values(num_elements(shape));
  Tensor tensor{name, DType::kF32, shape, std::vector<std::byte>(values.size() * sizeof(float))};
  std::memcpy(tensor.data.data(), values.data(), tensor.data.size());
  return tensor;
}

// A head of 4 inputs, 3 hidden units and 2 labels.
std::vector<Tensor> head_tensors() {
  return {ramp_tensor("head/mean", {4}),
          ramp_tensor("head/scale", {4}),
          ramp_tensor("head/hidden/weights", {4, 3}),
          ramp_tensor("head/hidden/biases", {3}),
          ramp_tensor("head/logits/weights", {3, 2}),
          ramp_tensor("head/logits/biases", {2})};
}

ModelMetadata head_metadata() {
  ModelMetadata metadata;
  metadata.architecture = "head";
  metadata.labels = {"blues", "cl\u00e1sica"};
  metadata.frontend = {{"hop_samples", 160}};
  metadata.head = {{"hidden", 3}};
  metadata.training = {{"seed", 7}, {"folds", {{{"accuracy", 0.5}}}}};
  return metadata;
}

TEST(ModelFile, reads_back_what_was_written) {
  const TemporaryFolder folder;
  write_model_file(folder / "m", head_metadata(), head_tensors());
  const ModelFile model = ModelFile::open(folder / "m");
  EXPECT_EQ(model.path(), folder / "m");
  EXPECT_EQ(model.metadata().architecture, "head");
  EXPECT_EQ(model.metadata().origin, "");
  EXPECT_EQ(model.metadata().labels, head_metadata().labels);
  EXPECT_EQ(model.metadata().frontend, head_metadata().frontend);
  EXPECT_EQ(model.metadata().head, head_metadata().head);
  EXPECT_EQ(model.metadata().training, head_metadata().training);
  EXPECT_FALSE(model.has_network());
  EXPECT_TRUE(model.has_head());
  EXPECT_FALSE(model.has_postprocess());
  EXPECT_TRUE(model.has("head/mean"));
  EXPECT_FALSE(model.has("head/median"));
  ASSERT_EQ(model.tensors().size(), 6u);
  for (std::size_t i = 0; i < 6; ++i) {  // the order of the file, not of the alphabet
    EXPECT_EQ(model.tensors()[i].name, head_tensors()[i].name);
    EXPECT_EQ(model.tensors()[i].shape, head_tensors()[i].shape);
  }
  EXPECT_EQ(model.read_all("head/hidden/weights"), ramp_values(12));
  std::vector<float> piece(5);
  model.read("head/hidden/weights", 6, piece);
  EXPECT_EQ(piece, (std::vector<float>{-0.25f, -0.125f, 0.0f, 0.125f, 0.25f}));
}

TEST(ModelFile, converts_half_precision_and_double_of_another_program) {
  const ModelFile model = ModelFile::open(golden("head.safetensors"));
  EXPECT_EQ(model.metadata().labels[1], "cl\u00e1sica");
  EXPECT_EQ(model.read_all("head/mean"), ramp_values(4));             // F16
  EXPECT_EQ(model.read_all("head/scale"), ramp_values(4));            // BF16
  EXPECT_EQ(model.read_all("head/hidden/weights"), ramp_values(12));  // F64
  EXPECT_EQ(model.read_all("head/logits/weights"), ramp_values(6));   // F32
  expect_error(ErrorClass::kUnsupported, "tensor step has dtype I64",
               [&] { model.read_all("step"); });
}

TEST(ModelFile, converts_more_values_than_one_piece_holds) {
  const TemporaryFolder folder;
  put_sparse(folder / "m", network_headers(DType::kBf16));
  const ModelFile model = ModelFile::open(folder / "m");
  std::vector<float> values(100'001, 1.0f);
  model.read("vggish/fc1/fc1_1/weights", 12288 * 4096 - 100'001, values);
  EXPECT_EQ(values, std::vector<float>(100'001));
}

TEST(ModelFile, checks_what_is_asked_for) {
  const ModelFile model = ModelFile::open(golden("head.safetensors"));
  std::vector<float> three(3);
  for (const std::int64_t first : {std::int64_t{2}, std::int64_t{-1}, INT64_MAX, INT64_MIN}) {
    expect_error(ErrorClass::kUsage, "tensor head/mean [4] were asked for",
                 [&] { model.read("head/mean", first, three); });
  }
  expect_error(ErrorClass::kCorrupt, "tensor nothing is missing",
               [&] { model.shape_of("nothing"); });
}

TEST(ModelFile, takes_a_file_without_metadata_when_names_and_shapes_fit) {
  const TemporaryFolder folder;
  std::vector<TensorHeader> headers = network_headers();
  headers.push_back({"global_step", DType::kI64, {}});
  headers.push_back({"postprocess/pca_eigen_vectors", DType::kF32, {128, 128}});
  headers.push_back({"postprocess/pca_means", DType::kF32, {128}});
  put_sparse(folder / "m", headers);
  const ModelFile model = ModelFile::open(folder / "m");
  EXPECT_TRUE(model.has_network());
  EXPECT_FALSE(model.has_head());
  EXPECT_TRUE(model.has_postprocess());
  EXPECT_EQ(model.metadata().architecture, "vggish");
  EXPECT_EQ(model.metadata().origin, "imported");
}

TEST(ModelFile, says_how_to_convert_what_is_no_model_of_ours) {
  const TemporaryFolder folder;
  put_sparse(folder / "m.safetensors", {{"features.0.weight", DType::kF32, {64, 1, 3, 3}}});
  expect_error(
      ErrorClass::kUnsupported,
      "m.safetensors: not a vggroove model: tensor vggish/conv1/weights is missing; convert "
      "it with `vggroove weights import`",
      [&] { ModelFile::open(folder / "m.safetensors"); });
  std::vector<TensorHeader> headers = network_headers();
  headers[2].shape = {128, 64, 3, 3};
  put_sparse(folder / "m.safetensors", headers);
  expect_error(ErrorClass::kUnsupported,
               "tensor vggish/conv2/weights has the shape [128, 64, 3, 3], but this architecture "
               "needs [3, 3, 64, 128]",
               [&] { ModelFile::open(folder / "m.safetensors"); });
}

TEST(ModelFile, refuses_metadata_that_make_no_sense) {
  const TemporaryFolder folder;
  const std::vector<std::tuple<std::string, ErrorClass, std::string>> cases{
      {"not JSON", ErrorClass::kCorrupt, "are not JSON"},
      {"[]", ErrorClass::kCorrupt, "no object"},
      {std::string(100'000, '['), ErrorClass::kCorrupt, "nest too deep"},
      {R"({"labels":)" + std::string(100'000, '['), ErrorClass::kCorrupt, "nest too deep"},
      {R"({"version":2})", ErrorClass::kUnsupported, "later version"},
      {R"({"version":"x"})", ErrorClass::kCorrupt, "\"version\" has the wrong type"},
      {R"({"architecture":5})", ErrorClass::kCorrupt, "\"architecture\" has the wrong type"},
      {R"({"architecture":"resnet"})", ErrorClass::kUnsupported, "architecture \"resnet\""},
      {R"({})", ErrorClass::kUnsupported, "architecture \"\""},
      {R"({"architecture":"vggish","labels":"rock"})", ErrorClass::kCorrupt, "\"labels\""},
      {R"({"architecture":"vggish","labels":[1]})", ErrorClass::kCorrupt, "\"labels\""},
      {R"({"architecture":"vggish","labels":["rock"]})", ErrorClass::kUnsupported,
       "head/mean is missing"},
      {R"({"architecture":"head"})", ErrorClass::kUnsupported, "no labels"},
  };
  for (const auto& [text, error_class, words] : cases) {
    SCOPED_TRACE(text.substr(0, 60));
    put_sparse(folder / "m", network_headers(), {{"vggroove", text}});
    expect_error(error_class, words, [&] { ModelFile::open(folder / "m"); });
  }
}

TEST(ModelFile, refuses_a_head_whose_shapes_do_not_fit) {
  const TemporaryFolder folder;
  const auto expect_refused = [&](const std::string& words,
                                  const std::function<void(std::vector<Tensor>&)>& spoil) {
    std::vector<Tensor> tensors = head_tensors();
    spoil(tensors);
    expect_error(ErrorClass::kUsage, words,
                 [&] { write_model_file(folder / "m", head_metadata(), tensors); });
    EXPECT_FALSE(std::filesystem::exists(folder / "m"));
  };
  expect_refused("head/mean is missing", [](auto& t) { t.erase(t.begin()); });
  expect_refused("head/mean has the shape [2, 2]", [](auto& t) { t[0].shape = {2, 2}; });
  expect_refused("head/scale has the shape [2, 2]", [](auto& t) { t[1].shape = {2, 2}; });
  expect_refused("head/hidden/weights is missing", [](auto& t) { t.erase(t.begin() + 2); });
  expect_refused("head/hidden/biases is missing", [](auto& t) { t.erase(t.begin() + 3); });
  expect_refused("head/logits/weights has the shape [2, 3]", [](auto& t) { t[4].shape = {2, 3}; });
  expect_refused("head/logits/biases is missing", [](auto& t) { t.pop_back(); });
  expect_refused("tensor head/mean has 16 bytes of F32 for the shape [5]",
                 [](auto& t) { t[0].shape = {5}; });
  expect_refused("tensor head/mean has 16 bytes of I32", [](auto& t) { t[0].dtype = DType::kI32; });
  expect_refused("postprocess/pca_eigen_vectors is missing",
                 [](auto& t) { t.push_back(ramp_tensor("postprocess/pca_means", {128})); });
}

TEST(ModelFile, keeps_the_old_file_when_the_disk_is_full) {
  const TemporaryFolder folder;
  write_model_file(folder / "m", head_metadata(), head_tensors());
  const std::string old = contents(folder / "m");
  {
    const vggroove::testing::FileSizeLimit limit(600);
    expect_error(ErrorClass::kIo, "m: cannot write",
                 [&] { write_model_file(folder / "m", head_metadata(), head_tensors()); });
  }
  EXPECT_EQ(contents(folder / "m"), old);
}

TEST(ModelFile, keeps_a_model_whose_labels_are_not_utf8) {
  const TemporaryFolder folder;
  ModelMetadata metadata = head_metadata();
  metadata.labels[1] = "cl\xe1sica";  // Latin-1, as in old folder names
  write_model_file(folder / "m", metadata, head_tensors());
  EXPECT_EQ(ModelFile::open(folder / "m").metadata().labels[1], "cl\ufffdsica");
}

}  // namespace
}  // namespace vggroove::weights

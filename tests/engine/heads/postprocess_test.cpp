#include "engine/heads/postprocess.h"

#include <gtest/gtest.h>

#include <cmath>
#include <cstring>
#include <limits>
#include <string>
#include <vector>

#include "tests/support/expect_error.h"
#include "tests/support/temporary_folder.h"
#include "weights/npz.h"

namespace vggroove {
namespace {

using testing::expect_error;
using testing::TemporaryFolder;

template <class T>
std::vector<T> values(const weights::NpyArray& array) {
  std::vector<T> out(array.tensor.data.size() / sizeof(T));
  std::memcpy(out.data(), array.tensor.data.data(), array.tensor.data.size());
  return out;
}

weights::Tensor tensor(const std::string& name, const weights::Shape& shape,
                       const std::vector<float>& data) {
  weights::Tensor t{.name = name, .dtype = weights::DType::kF32, .shape = shape, .data = {}};
  t.data.resize(data.size() * sizeof(float));
  std::memcpy(t.data.data(), data.data(), t.data.size());
  return t;
}

// A model file with PCA parameters and the smallest of heads, and no network.
Postprocessor make_postprocessor(const std::vector<float>& eigen_vectors,
                                 const std::vector<float>& means) {
  const TemporaryFolder folder;
  weights::ModelMetadata metadata;
  metadata.architecture = "head";
  metadata.labels = {"rock"};
  const std::vector<weights::Tensor> tensors = {
      tensor("head/mean", {1}, {0}),
      tensor("head/scale", {1}, {1}),
      tensor("head/logits/weights", {1, 1}, {1}),
      tensor("head/logits/biases", {1}, {0}),
      tensor("postprocess/pca_eigen_vectors", {128, 128}, eigen_vectors),
      tensor("postprocess/pca_means", {128}, means)};
  weights::write_model_file(folder / "m.safetensors", metadata, tensors);
  return Postprocessor::from_model(weights::ModelFile::open(folder / "m.safetensors"));
}

std::vector<float> identity() {
  std::vector<float> matrix(128 * 128, 0.0f);
  for (std::size_t i = 0; i < 128; ++i) {
    matrix[i * 128 + i] = 1;
  }
  return matrix;
}

TEST(Postprocess, equals_numpy_in_fp32_but_for_values_on_the_edge_of_a_step) {
  const auto golden = weights::read_npz(VGGROOVE_GOLDEN_DIR "/postprocess/postprocess.npz");
  const auto embeddings = values<float>(golden.at("embeddings"));
  const auto scaled = values<double>(golden.at("scaled"));
  const auto expected = values<std::uint8_t>(golden.at("quantized"));
  ASSERT_EQ(expected.size(), 9u * 128);
  ASSERT_EQ(scaled.size(), expected.size());
  const Postprocessor postprocessor = make_postprocessor(values<float>(golden.at("eigen_vectors")),
                                                         values<float>(golden.at("means")));
  std::vector<std::uint8_t> quantized(expected.size());
  postprocessor.quantize(embeddings.data(), 9, quantized.data());
  // 128 products of about 0.1 in fp32, times 63.75: NumPy's own error is below 128 * 2^-24 * 0.5 *
  // 63.75 = 2.4e-4, so a value further than that from an integer has one right answer.
  constexpr double kEdge = 2.4e-4;
  int on_edge = 0, clipped = 0;
  for (std::size_t i = 0; i < expected.size(); ++i) {
    clipped += expected[i] == 0 || expected[i] == 255 ? 1 : 0;
    const bool may_differ =
        std::abs(scaled[i] - std::round(scaled[i])) < kEdge && scaled[i] > 0 && scaled[i] < 255;
    on_edge += may_differ ? 1 : 0;
    EXPECT_LE(std::abs(int{quantized[i]} - int{expected[i]}), may_differ ? 1 : 0) << "value " << i;
  }
  EXPECT_GT(clipped, 50);
  EXPECT_LE(on_edge, 5) << "too many for the comparison to mean anything";
}

TEST(Postprocess, truncates_and_clips) {
  const Postprocessor postprocessor = make_postprocessor(identity(), std::vector<float>(128, 0.0f));
  std::vector<float> embedding(128, 0.0f);  // (0 + 2) * 63.75 = 127.5 -> 127, not 128
  embedding[0] = 2;
  embedding[1] = -2;
  embedding[2] = 1e30f;
  embedding[3] = -1e30f;
  embedding[4] = 1.99f;  // 254.36
  std::vector<std::uint8_t> quantized(129, 0xcd);
  postprocessor.quantize(embedding.data(), 1, quantized.data());
  EXPECT_EQ(quantized[0], 255);
  EXPECT_EQ(quantized[1], 0);
  EXPECT_EQ(quantized[2], 255);
  EXPECT_EQ(quantized[3], 0);
  EXPECT_EQ(quantized[4], 254);
  EXPECT_EQ(quantized[5], 127);
  EXPECT_EQ(quantized[128], 0xcd) << "written behind the end";
}

TEST(Postprocess, refuses_embeddings_that_are_not_finite) {
  const Postprocessor postprocessor = make_postprocessor(identity(), std::vector<float>(128, 0.0f));
  std::vector<std::uint8_t> quantized(256);
  for (const float bad :
       {std::numeric_limits<float>::quiet_NaN(), std::numeric_limits<float>::infinity()}) {
    std::vector<float> embeddings(256, 0.0f);
    embeddings[130] = bad;
    expect_error(ErrorClass::kInvalid, "embedding 1 is not finite",
                 [&] { postprocessor.quantize(embeddings.data(), 2, quantized.data()); });
  }
}

TEST(Postprocess, needs_a_model_with_pca_parameters) {
  const TemporaryFolder folder;
  weights::ModelMetadata metadata;
  metadata.architecture = "head";
  metadata.labels = {"rock"};
  const std::vector<weights::Tensor> tensors = {
      tensor("head/mean", {1}, {0}), tensor("head/scale", {1}, {1}),
      tensor("head/logits/weights", {1, 1}, {1}), tensor("head/logits/biases", {1}, {0})};
  weights::write_model_file(folder / "m.safetensors", metadata, tensors);
  expect_error(ErrorClass::kUnsupported, "m.safetensors: the model has no PCA parameters", [&] {
    Postprocessor::from_model(weights::ModelFile::open(folder / "m.safetensors"));
  });
}

TEST(Dequantize, equals_numpy_on_every_byte) {
  const auto golden = weights::read_npz(VGGROOVE_GOLDEN_DIR "/postprocess/postprocess.npz");
  std::vector<std::uint8_t> bytes(256);
  for (std::size_t i = 0; i < bytes.size(); ++i) {
    bytes[i] = static_cast<std::uint8_t>(i);
  }
  std::vector<float> dequantized(256);
  dequantize(bytes.data(), bytes.size(), dequantized.data());
  EXPECT_EQ(dequantized, values<float>(golden.at("dequantized")));
  EXPECT_EQ(dequantized.front(), -2.0f);
  EXPECT_EQ(dequantized.back(), 2.0f);
}

}  // namespace
}  // namespace vggroove

#include "weights/import/import_model.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <fstream>

#include "tests/support/expect_error.h"
#include "tests/support/temporary_folder.h"
#include "tests/weights/import/golden.h"
#include "tests/weights/import/pickle_text.h"
#include "weights/model_file.h"
#include "weights/name_map.h"
#include "weights/npz.h"

namespace vggroove::weights::testing {
namespace {

namespace fs = std::filesystem;
using vggroove::testing::expect_error;
using vggroove::testing::TemporaryFolder;

// A list of tensors that holds no numbers.
class ListedTensors final : public TensorSource {
 public:
  const fs::path& path() const override { return path_; }
  const std::vector<ForeignTensor>& tensors() const override { return tensors_; }
  Tensor read(std::string_view) override { throw Error(ErrorClass::kUsage, "not needed"); }

  void add(std::string_view name, const Shape& shape, std::optional<DType> dtype = DType::kF32) {
    tensors_.push_back({std::string(name), dtype, shape});
  }
  void add_torch_network(const std::string& features = "features.",
                         const std::string& embeddings = "embeddings.") {
    for (const NameMapEntry& entry : vggish_name_map()) {
      const bool is_feature = entry.torch_name.starts_with("features.");
      const std::string_view rest = entry.torch_name.substr(entry.torch_name.find('.') + 1);
      add((is_feature ? features : embeddings) + std::string(rest), entry.torch_shape);
    }
  }
  std::vector<ForeignTensor>& edit() { return tensors_; }

 private:
  fs::path path_ = "m.pth";
  std::vector<ForeignTensor> tensors_;
};

void expect_unsupported(const ListedTensors& source, const std::string& words) {
  expect_error(ErrorClass::kUnsupported, words, [&] { match_tensors(source); });
}

TEST(MatchTensors, takes_the_names_of_tensorflow) {
  ListedTensors source;
  source.add("global_step", {}, DType::kI64);
  for (const NameMapEntry& entry : vggish_name_map()) {
    source.add(entry.canonical_name, entry.canonical_shape);
  }
  source.add("vggish/conv1/weights/Adam", {3, 3, 1, 64});
  const NetworkTensors found = match_tensors(source);
  EXPECT_FALSE(found.has_torch_layout);
  ASSERT_EQ(found.names.size(), 18U);
  EXPECT_EQ(found.names[0], "vggish/conv1/weights");
  EXPECT_EQ(found.ignored, (std::vector<std::string>{"global_step", "vggish/conv1/weights/Adam"}));
}

TEST(MatchTensors, takes_the_names_of_torchvggish_and_its_relatives) {
  for (const auto& [features, embeddings] : {std::pair{"features.", "embeddings."},
                                             {"features_network.", "embedding_network."},
                                             {"module.features.", "module.embeddings."}}) {
    ListedTensors source;
    source.add_torch_network(features, embeddings);
    const NetworkTensors found = match_tensors(source);
    EXPECT_TRUE(found.has_torch_layout);
    ASSERT_EQ(found.names.size(), 18U);
    EXPECT_EQ(found.names[0], std::string(features) + "0.weight");
    EXPECT_EQ(found.names[17], std::string(embeddings) + "4.bias");
    EXPECT_TRUE(found.ignored.empty());
  }
}

TEST(MatchTensors, lists_what_is_missing_and_what_is_there_instead) {
  ListedTensors source;
  source.add_torch_network();
  source.edit().resize(16);  // without embeddings.4
  source.add("classifier.weight", {10, 4096});
  source.add("classifier.bias", {10});
  expect_unsupported(source,
                     "m.pth: not a complete VGGish: 2 of 18 tensors are missing: "
                     "\"embeddings.4.weight\", \"embeddings.4.bias\"; unexpected: "
                     "\"classifier.weight\", \"classifier.bias\"");
  source.edit().resize(4);
  expect_unsupported(source, "14 of 18 tensors are missing: \"features.6.weight\"");
  expect_unsupported(source, " and 8 more");
}

TEST(MatchTensors, names_a_tensor_of_another_shape_or_type) {
  ListedTensors source;
  source.add_torch_network();
  source.edit()[16].shape = {10, 4096};
  expect_unsupported(source,
                     "m.pth: tensor \"embeddings.4.weight\" has the shape [10, 4096], but VGGish "
                     "needs [128, 4096]");
  source.edit()[16] = {"embeddings.4.weight", DType::kI64, {128, 4096}};
  expect_unsupported(source, "\"embeddings.4.weight\" does not hold floating-point numbers");
  source.edit()[16].dtype.reset();
  expect_unsupported(source, "\"embeddings.4.weight\" does not hold floating-point numbers");
}

TEST(MatchTensors, says_what_a_file_without_vggish_holds) {
  ListedTensors source;
  expect_unsupported(source, "m.pth: no tensors in it");
  source.add("conv1_1.weight", {64, 3, 3, 3});
  expect_unsupported(source, "no tensor of VGGish in it, but \"conv1_1.weight\"");
}

TEST(MatchTensors, takes_pca_parameters_with_means_of_both_shapes) {
  for (const Shape& means : {Shape{128}, Shape{128, 1}}) {
    ListedTensors source;
    source.add("pca_eigen_vectors", {128, 128}, DType::kF64);
    source.add("pca_means", means, DType::kF64);
    const NetworkTensors found = match_tensors(source);
    EXPECT_TRUE(found.names.empty());
    EXPECT_EQ(found.pca_means, "pca_means");
    EXPECT_EQ(found.pca_eigen_vectors, "pca_eigen_vectors");
  }
  ListedTensors source;
  source.add("pca_eigen_vectors", {128, 128});
  expect_unsupported(source, "pca_eigen_vectors and pca_means, one is missing");
  source.add("pca_means", {64});
  expect_unsupported(source, "\"pca_means\" has the shape [64], but the PCA of VGGish needs [128]");
}

// A whole network as torchvggish has it, 289 MB of which nearly all are zeros that take no room on
// the disk. Its pickles are those that PyTorch wrote for tensors of the full size.
class WholeNetwork : public ::testing::Test {
 protected:
  static constexpr float kFirst = 1.5F, kLast = -2.25F;

  // Every tensor begins with kFirst and ends with kLast.
  fs::path write_torch_file() {
    fs::copy_file(golden_path("full_size_legacy.head"), folder_ / "m.pth");
    std::fstream file(folder_ / "m.pth", std::ios::in | std::ios::out | std::ios::binary);
    std::ifstream order(golden_path("full_size_legacy.order"));
    auto position = fs::file_size(folder_ / "m.pth");
    std::string name;
    while (order >> name) {
      const NameMapEntry* entry = find_torch_name(name);
      const std::int64_t count = num_elements(entry->torch_shape);
      const auto write = [&](std::uint64_t at, const std::string& bytes) {
        file.seekp(static_cast<std::streamoff>(at));
        file << bytes;
      };
      write(position, little_endian(count));
      write(position + 8, little_endian(kFirst));
      position += 8 + static_cast<std::uint64_t>(count) * 4;
      write(position - 4, little_endian(kLast));
    }
    return folder_ / "m.pth";
  }
  fs::path write_pca_file(float value) {
    std::vector<Tensor> tensors{{"pca_eigen_vectors", DType::kF32, {128, 128}, {}},
                                {"pca_means", DType::kF32, {128, 1}, {}}};
    for (Tensor& tensor : tensors) {
      const std::vector<float> values(static_cast<std::size_t>(num_elements(tensor.shape)), value);
      const auto bytes = std::as_bytes(std::span(values));
      tensor.data.assign(bytes.begin(), bytes.end());
    }
    write_npz(folder_ / "pca.npz", tensors);
    return folder_ / "pca.npz";
  }
  ImportReport import(ImportRequest request) {
    request.frontend = {{"rate_hz", 16000}};
    return import_model(request, out());
  }
  fs::path out() const { return folder_ / "out.safetensors"; }

  TemporaryFolder folder_;
};

TEST_F(WholeNetwork, becomes_a_model_file_and_gets_other_pca_parameters_later) {
  ImportRequest request;
  request.file = write_torch_file();
  request.pca_file = write_pca_file(0.5F);
  request.is_released = true;
  const ImportReport report = import(request);
  EXPECT_EQ(report.origin, "released");
  EXPECT_TRUE(report.has_postprocess);
  EXPECT_TRUE(report.ignored.empty());
  EXPECT_EQ(ModelFile::open(out()).read_all("postprocess/pca_means"),
            std::vector<float>(128, 0.5F));

  request = {};
  request.file = write_pca_file(0.25F);
  expect_error(ErrorClass::kUsage, "name the model that they go to with --base",
               [&] { import(request); });
  request.base_model = out();  // onto itself
  EXPECT_EQ(import(request).origin, "released");
  const ModelFile model = ModelFile::open(out());
  EXPECT_EQ(model.metadata().architecture, "vggish");
  EXPECT_EQ(model.metadata().origin, "released");
  EXPECT_EQ(model.metadata().frontend.at("rate_hz"), 16000);
  EXPECT_TRUE(model.has_network());
  for (const TensorSpec& spec : vggish_tensors()) {
    std::vector<float> ends(2);
    model.read(spec.name, 0, std::span(ends).first(1));
    model.read(spec.name, num_elements(spec.shape) - 1, std::span(ends).last(1));
    EXPECT_EQ(ends, (std::vector<float>{kFirst, kLast})) << spec.name;
  }
  EXPECT_EQ(model.read_all("postprocess/pca_eigen_vectors"), std::vector<float>(128 * 128, 0.25F));
  EXPECT_EQ(model.read_all("postprocess/pca_means"), std::vector<float>(128, 0.25F));
}

TEST_F(WholeNetwork, is_refused_where_a_value_is_not_finite) {
  const fs::path path = write_torch_file();
  {
    std::fstream file(path, std::ios::in | std::ios::out | std::ios::binary);
    file.seekp(-4, std::ios::end);  // in whichever tensor is the last one there
    file << little_endian(std::nanf(""));
  }
  ImportRequest request;
  request.file = path;
  expect_error(ErrorClass::kInvalid, "holds NaN or infinite values", [&] { import(request); });
  EXPECT_FALSE(fs::exists(out()));
}

TEST_F(WholeNetwork, does_not_go_into_another_model) {
  ImportRequest request;
  request.file = write_torch_file();
  request.base_model = out();
  expect_error(ErrorClass::kUsage, "--base is for files with PCA parameters only",
               [&] { import(request); });
  request.base_model.clear();
  request.pca_file = request.file;
  expect_error(ErrorClass::kUsage, "no PCA parameters", [&] { import(request); });
}

}  // namespace
}  // namespace vggroove::weights::testing

#include "weights/import/torch_file.h"

#include <gtest/gtest.h>

#include <algorithm>

#include "tests/support/expect_error.h"
#include "tests/weights/import/golden.h"
#include "weights/import/open_source.h"
#include "weights/permute_axes.h"

namespace vggroove::weights::testing {
namespace {

using vggroove::testing::expect_error;

// The golden tensor `name` ("vggish/conv1/weights") in PyTorch's layout.
Tensor golden_torch_tensor(const std::string& name, const Shape& shape) {
  std::vector<int> axes;
  if (shape.size() == 4) {
    axes = {3, 2, 0, 1};
  } else if (shape.size() == 2) {
    axes = {1, 0};
  } else {
    axes = {0};
  }
  Tensor tensor{name, DType::kF32, {}, {}};
  for (const int axis : axes) {
    tensor.shape.push_back(shape[static_cast<std::size_t>(axis)]);
  }
  const std::vector<float> values = golden_values(name, num_elements(shape));
  tensor.data.resize(values.size() * sizeof(float));
  permute_axes(std::as_bytes(std::span(values)), shape, axes, sizeof(float), tensor.data);
  return tensor;
}

std::string torch_name(const std::string& canonical) {
  static const std::map<std::string, std::string> layers{
      {"conv1", "features.0"},          {"conv2", "features.3"},
      {"conv3/conv3_1", "features.6"},  {"conv3/conv3_2", "features.8"},
      {"conv4/conv4_1", "features.11"}, {"conv4/conv4_2", "features.13"},
      {"fc1/fc1_1", "embeddings.0"},    {"fc1/fc1_2", "embeddings.2"},
      {"fc2", "embeddings.4"}};
  const std::size_t slash = canonical.rfind('/');
  const bool is_weight = canonical.substr(slash + 1) == "weights";
  return layers.at(canonical.substr(7, slash - 7)) + (is_weight ? ".weight" : ".bias");
}

class TorchStateDictionary : public ::testing::TestWithParam<const char*> {};

TEST_P(TorchStateDictionary, has_the_values_that_pytorch_wrote) {
  const auto source = open_tensor_source(golden_path(GetParam()));
  EXPECT_EQ(source->tensors().size(), 18U);
  for (const auto& [name, shape] : golden_shapes()) {
    const Tensor actual = source->read(torch_name(name));
    const Tensor expected = golden_torch_tensor(name, shape);
    EXPECT_EQ(actual.shape, expected.shape) << name;
    EXPECT_EQ(actual.dtype, DType::kF32) << name;
    EXPECT_TRUE(actual.data == expected.data) << name;
  }
}

INSTANTIATE_TEST_SUITE_P(Golden, TorchStateDictionary,
                         ::testing::Values("state_dict.pth", "state_dict_legacy.pth",
                                           "state_dict_protocol4.pth", "training_checkpoint.pth"),
                         [](const auto& test) {
                           std::string name = test.param;
                           std::ranges::replace(name, '.', '_');
                           return name;
                         });

// What views.pth holds of base [6,4], element (i, j) at 4 i + j.
class TorchViews : public ::testing::TestWithParam<const char*> {
 protected:
  std::unique_ptr<TensorSource> source_ = open_tensor_source(golden_path(GetParam()));

  void expect(const char* name, const Shape& shape, const std::vector<std::int64_t>& elements) {
    const Tensor tensor = source_->read(name);
    std::vector<float> expected;
    for (const std::int64_t element : elements) {
      expected.push_back(static_cast<float>(golden_value("base", element)));
    }
    EXPECT_EQ(tensor.shape, shape) << name;
    EXPECT_EQ(to_floats(tensor), expected) << name;
  }
};

TEST_P(TorchViews, come_in_row_major_order) {
  expect("row", {4}, {8, 9, 10, 11});
  expect("column", {6}, {1, 5, 9, 13, 17, 21});
  expect("every_other", {3, 2}, {1, 3, 9, 11, 17, 19});
  expect("transposed", {4, 6},
         {0, 4, 8, 12, 16, 20, 1, 5, 9, 13, 17, 21, 2, 6, 10, 14, 18, 22, 3, 7, 11, 15, 19, 23});
  expect("parameter", {2, 4}, {4, 5, 6, 7, 8, 9, 10, 11});
  expect("scalar", {}, {14});
  expect("empty", {0, 4}, {});
}

TEST_P(TorchViews, keep_their_type) {
  EXPECT_EQ(source_->read("double").dtype, DType::kF64);
  EXPECT_EQ(to_floats(source_->read("double")), golden_values("double", 5));
  EXPECT_EQ(source_->read("half").dtype, DType::kF16);
  // 11 bits of fp16 hold the numerators below 1024 * 2 exactly.
  EXPECT_EQ(to_floats(source_->read("half")), golden_values("half", 5));
  EXPECT_EQ(source_->read("bfloat16").dtype, DType::kBf16);
  const std::vector<float> rounded = to_floats(source_->read("bfloat16"));
  for (std::size_t i = 0; i < 5; ++i) {
    // bf16 has 8 bits of mantissa: half a unit in the last place is 2^-9 relative.
    EXPECT_NEAR(rounded[i], golden_value("bfloat16", static_cast<std::int64_t>(i)), 1.0 / 512);
  }
  EXPECT_EQ(source_->read("int64").dtype, DType::kI64);
  EXPECT_EQ(source_->read("uint8").data[4], std::byte{4});
  EXPECT_EQ(source_->read("bool").dtype, DType::kBool);
}

INSTANTIATE_TEST_SUITE_P(Golden, TorchViews, ::testing::Values("views.pth", "views_legacy.pth"),
                         [](const auto& test) {
                           std::string name = test.param;
                           std::ranges::replace(name, '.', '_');
                           return name;
                         });

class TorchArrays : public ::testing::TestWithParam<const char*> {};

TEST_P(TorchArrays, of_numpy_are_read_as_tensors) {
  const auto source = open_tensor_source(golden_path(GetParam()));
  EXPECT_EQ(source->tensors().size(), 2U);
  const Tensor vectors = source->read("pca_eigen_vectors");
  EXPECT_EQ(vectors.shape, (Shape{5, 5}));
  EXPECT_EQ(to_floats(vectors), golden_values("pca_eigen_vectors", 25));
  EXPECT_EQ(to_floats(source->read("pca_means")), golden_values("pca_means", 5));
}

INSTANTIATE_TEST_SUITE_P(Golden, TorchArrays,
                         ::testing::Values("pca_numpy.pth", "pca_numpy_legacy.pth",
                                           "pca_numpy_fortran.pth"),
                         [](const auto& test) {
                           std::string name = test.param;
                           std::ranges::replace(name, '.', '_');
                           return name;
                         });

TEST(TorchFile, that_holds_a_module_is_refused_by_the_modules_name) {
  expect_error(ErrorClass::kUnsupported, "the pickle wants \"torch.nn.modules.linear.Linear\"",
               [] { open_tensor_source(golden_path("whole_module.pth")); });
}

}  // namespace
}  // namespace vggroove::weights::testing

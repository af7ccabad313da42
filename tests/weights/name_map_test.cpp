#include "weights/name_map.h"

#include <gtest/gtest.h>

#include <cstring>
#include <numeric>
#include <set>

#include "tests/support/expect_error.h"
#include "weights/model_file.h"
#include "weights/permute_axes.h"

namespace vggroove::weights {
namespace {

using vggroove::testing::expect_error;

std::vector<std::int32_t> integers(std::span<const std::byte> bytes) {
  std::vector<std::int32_t> values(bytes.size() / 4);
  std::memcpy(values.data(), bytes.data(), bytes.size());
  return values;
}

std::vector<std::byte> counted(std::int64_t count) {
  std::vector<std::int32_t> values(static_cast<std::size_t>(count));
  std::iota(values.begin(), values.end(), 0);
  std::vector<std::byte> bytes(values.size() * 4);
  std::memcpy(bytes.data(), values.data(), bytes.size());
  return bytes;
}

TEST(NameMap, counts_72_141_184_parameters_under_36_names) {
  std::int64_t num_parameters = 0;
  std::set<std::string_view> names;
  for (const NameMapEntry& entry : vggish_name_map()) {
    num_parameters += num_elements(entry.canonical_shape);
    EXPECT_EQ(num_elements(entry.torch_shape), num_elements(entry.canonical_shape));
    EXPECT_EQ(find_canonical_name(entry.canonical_name), &entry);
    EXPECT_EQ(find_torch_name(entry.torch_name), &entry);
    names.insert({entry.canonical_name, entry.torch_name});
  }
  EXPECT_EQ(num_parameters, 72'141'184);
  EXPECT_EQ(names.size(), 36u);
  EXPECT_EQ(find_torch_name("features.1.weight"), nullptr);
  EXPECT_EQ(find_canonical_name("vggish/conv3/weights"), nullptr);
}

TEST(NameMap, knows_the_layouts_of_both_sides) {
  const NameMapEntry* convolution = find_torch_name("features.6.weight");
  ASSERT_NE(convolution, nullptr);
  EXPECT_EQ(convolution->canonical_name, "vggish/conv3/conv3_1/weights");
  EXPECT_EQ(convolution->torch_shape, (Shape{256, 128, 3, 3}));
  const NameMapEntry* dense = find_torch_name("embeddings.0.weight");
  ASSERT_NE(dense, nullptr);
  EXPECT_EQ(dense->canonical_name, "vggish/fc1/fc1_1/weights");
  EXPECT_EQ(dense->torch_shape, (Shape{4096, 12288}));
  EXPECT_EQ(find_torch_name("embeddings.4.bias")->torch_shape, Shape{128});
}

TEST(NameMap, rearranges_a_convolution_to_torch_and_back) {
  const Tensor canonical{
      "vggish/conv2/weights", DType::kI32, {3, 3, 64, 128}, counted(3 * 3 * 64 * 128)};
  const Tensor torch = to_torch("m", canonical);
  EXPECT_EQ(torch.name, "features.3.weight");
  EXPECT_EQ(torch.shape, (Shape{128, 64, 3, 3}));
  const std::vector<std::int32_t> values = integers(torch.data);
  for (const auto& [o, i, h, w] : {std::array{0, 0, 0, 0}, {5, 7, 1, 2}, {127, 63, 2, 2}}) {
    EXPECT_EQ(values[static_cast<std::size_t>(((o * 64 + i) * 3 + h) * 3 + w)],
              ((h * 3 + w) * 64 + i) * 128 + o);
  }
  const Tensor back = from_torch("m", torch);
  EXPECT_EQ(back.name, canonical.name);
  EXPECT_EQ(back.shape, canonical.shape);
  EXPECT_EQ(back.data, canonical.data);
}

TEST(NameMap, transposes_a_dense_layer_and_copies_biases) {
  const Tensor canonical{"vggish/fc2/weights", DType::kI32, {4096, 128}, counted(4096 * 128)};
  const Tensor torch = to_torch("m", canonical);
  EXPECT_EQ(torch.name, "embeddings.4.weight");
  EXPECT_EQ(torch.shape, (Shape{128, 4096}));
  EXPECT_EQ(integers(torch.data)[3 * 4096 + 1000], 1000 * 128 + 3);
  EXPECT_EQ(from_torch("m", torch).data, canonical.data);
  const Tensor biases{"vggish/fc2/biases", DType::kI32, {128}, counted(128)};
  EXPECT_EQ(to_torch("m", biases).data, biases.data);
  EXPECT_EQ(from_torch("m", to_torch("m", biases)).name, biases.name);
}

TEST(NameMap, names_the_tensor_that_does_not_fit) {
  expect_error(ErrorClass::kUnsupported, "m.pth: tensor \"classifier.0.weight\" is not one of", [] {
    from_torch("m.pth", {"classifier.0.weight", DType::kF32, {}, {}});
  });
  expect_error(ErrorClass::kUnsupported, "has the shape [1, 2], but VGGish needs [128, 4096]", [] {
    from_torch("m.pth", {"embeddings.4.weight", DType::kF32, {1, 2}, {}});
  });
}

TEST(PermuteAxes, equals_the_definition_on_awkward_sizes) {
  const Shape shape{33, 1, 7, 5};
  const std::vector<std::byte> in = counted(num_elements(shape));
  std::vector<int> order{0, 1, 2, 3};
  do {
    std::vector<std::byte> out(in.size());
    permute_axes(in, shape, order, 4, out);
    const std::vector<std::int32_t> values = integers(out);
    std::size_t flat = 0;
    Shape at(4, 0);
    const auto extent = [&](std::size_t axis) {
      return shape[static_cast<std::size_t>(order[axis])];
    };
    std::size_t num_wrong = 0;
    for (at[0] = 0; at[0] < extent(0); ++at[0]) {
      for (at[1] = 0; at[1] < extent(1); ++at[1]) {
        for (at[2] = 0; at[2] < extent(2); ++at[2]) {
          for (at[3] = 0; at[3] < extent(3); ++at[3]) {
            Shape from(4, 0);
            for (std::size_t axis = 0; axis < 4; ++axis) {
              from[static_cast<std::size_t>(order[axis])] = at[axis];
            }
            const std::int64_t expected =
                ((from[0] * shape[1] + from[1]) * shape[2] + from[2]) * shape[3] + from[3];
            num_wrong += values[flat++] != expected;
          }
        }
      }
    }
    EXPECT_EQ(num_wrong, 0u);
  } while (std::ranges::next_permutation(order).found);
}

TEST(PermuteAxes, transposes_matrices_of_any_element_size) {
  for (const std::size_t value_bytes : {1u, 2u, 3u, 4u, 8u, 12u}) {
    const Shape shape{33, 65};
    std::vector<std::byte> in(33 * 65 * value_bytes), out(in.size());
    for (std::size_t i = 0; i < in.size(); ++i) {
      in[i] = static_cast<std::byte>(i * 31 % 251);
    }
    permute_axes(in, shape, std::vector{1, 0}, value_bytes, out);
    std::size_t num_wrong = 0;
    for (std::size_t row = 0; row < 33; ++row) {
      for (std::size_t column = 0; column < 65; ++column) {
        num_wrong += std::memcmp(&out[(column * 33 + row) * value_bytes],
                                 &in[(row * 65 + column) * value_bytes], value_bytes) != 0;
      }
    }
    EXPECT_EQ(num_wrong, 0u) << value_bytes;
  }
}

TEST(PermuteAxes, takes_empty_arrays_and_refuses_wrong_sizes) {
  permute_axes({}, {0, 3, 2}, std::vector{2, 0, 1}, 4, {});
  std::vector<std::byte> out(8);
  expect_error(ErrorClass::kUsage, "do not fit [3]",
               [&] { permute_axes(out, {3}, std::vector{0}, 4, out); });
}

}  // namespace
}  // namespace vggroove::weights

#pragma once

#include <gtest/gtest.h>

#include <cstdint>
#include <filesystem>
#include <map>
#include <string>
#include <string_view>
#include <vector>

#include "tests/support/compare.h"
#include "weights/float_conversion.h"
#include "weights/import/tensor_source.h"

namespace vggroove::weights::testing {

inline std::filesystem::path golden_path(std::string_view name) {
  return std::filesystem::path(VGGROOVE_GOLDEN_DIR) / "import" / name;
}

// What tests/golden/import/make_golden.py puts at flat index i of the tensor `name`.
inline double golden_value(std::string_view name, std::int64_t i) {
  std::int64_t name_sum = 0;
  for (const char c : name) {
    name_sum += static_cast<unsigned char>(c);
  }
  return static_cast<double>((37 * i + name_sum) % 2003 - 1001) / 1024;
}

inline std::vector<float> golden_values(std::string_view name, std::int64_t count) {
  std::vector<float> values;
  for (std::int64_t i = 0; i < count; ++i) {
    values.push_back(static_cast<float>(golden_value(name, i)));
  }
  return values;
}

// The shapes of make_golden.py, under the canonical names.
inline const std::map<std::string, Shape>& golden_shapes() {
  static const std::map<std::string, Shape> shapes{{"vggish/conv1/weights", {3, 3, 1, 2}},
                                                   {"vggish/conv1/biases", {2}},
                                                   {"vggish/conv2/weights", {3, 3, 2, 3}},
                                                   {"vggish/conv2/biases", {3}},
                                                   {"vggish/conv3/conv3_1/weights", {3, 3, 3, 4}},
                                                   {"vggish/conv3/conv3_1/biases", {4}},
                                                   {"vggish/conv3/conv3_2/weights", {3, 3, 4, 4}},
                                                   {"vggish/conv3/conv3_2/biases", {4}},
                                                   {"vggish/conv4/conv4_1/weights", {3, 3, 4, 5}},
                                                   {"vggish/conv4/conv4_1/biases", {5}},
                                                   {"vggish/conv4/conv4_2/weights", {3, 3, 5, 5}},
                                                   {"vggish/conv4/conv4_2/biases", {5}},
                                                   {"vggish/fc1/fc1_1/weights", {120, 7}},
                                                   {"vggish/fc1/fc1_1/biases", {7}},
                                                   {"vggish/fc1/fc1_2/weights", {7, 7}},
                                                   {"vggish/fc1/fc1_2/biases", {7}},
                                                   {"vggish/fc2/weights", {7, 6}},
                                                   {"vggish/fc2/biases", {6}}};
  return shapes;
}

inline std::vector<float> to_floats(const Tensor& tensor) {
  std::vector<float> values(static_cast<std::size_t>(num_elements(tensor.shape)));
  EXPECT_EQ(tensor.data.size(), values.size() * dtype_bytes(tensor.dtype)) << tensor.name;
  convert_to_fp32(tensor.dtype, tensor.data, values);
  return values;
}

// Every one of the 18 tensors is there with its shape and, exactly, its values.
inline void expect_golden_network(TensorSource& source) {
  for (const auto& [name, shape] : golden_shapes()) {
    const Tensor tensor = source.read(name);
    EXPECT_EQ(tensor.name, name);
    EXPECT_EQ(tensor.shape, shape) << name;
    EXPECT_EQ(to_floats(tensor), golden_values(name, num_elements(shape))) << name;
  }
}

}  // namespace vggroove::weights::testing

#include "weights/import/tf_checkpoint.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <fstream>

#include "tests/support/expect_error.h"
#include "tests/support/temporary_folder.h"
#include "tests/weights/import/golden.h"

namespace vggroove::weights::testing {
namespace {

namespace fs = std::filesystem;
using vggroove::testing::expect_error;
using vggroove::testing::TemporaryFolder;

class TfCheckpoint : public ::testing::TestWithParam<const char*> {};

TEST_P(TfCheckpoint, has_the_values_that_tensorflow_wrote) {
  const auto source = open_tf_checkpoint(golden_path(GetParam()));
  expect_golden_network(*source);
}

INSTANTIATE_TEST_SUITE_P(Golden, TfCheckpoint,
                         ::testing::Values("tf_v1.ckpt", "tf_v1_partitioned.ckpt",
                                           "tf_v1_columns.ckpt", "tf_v1_float64.ckpt",
                                           "tf_v2.index", "tf_v2_partitioned.index",
                                           "tf_v2_sharded.index"),
                         [](const auto& test) {
                           std::string name = test.param;
                           std::ranges::replace(name, '.', '_');
                           return name;
                         });

TEST(TfV1Checkpoint, lists_variables_that_are_not_the_networks) {
  const auto source = open_tf_checkpoint(golden_path("tf_v1.ckpt"));
  EXPECT_EQ(source->tensors().size(), 20U);
  const auto& step = source->tensors()[find_tensor("", source->tensors(), "global_step")];
  EXPECT_EQ(step.dtype, DType::kI64);
  EXPECT_EQ(step.shape, Shape{});
  expect_error(ErrorClass::kUnsupported, "tf_v1.ckpt: tensor \"global_step\" is of a type",
               [&] { source->read("global_step"); });
  EXPECT_EQ(to_floats(source->read("beta1_power")), std::vector<float>{0.5F});
}

TEST(TfV1Checkpoint, keeps_the_type_of_the_file) {
  const auto source = open_tf_checkpoint(golden_path("tf_v1_float64.ckpt"));
  EXPECT_EQ(source->read("vggish/fc2/biases").dtype, DType::kF64);
}

TEST(TfV1Checkpoint, refuses_a_name_that_it_does_not_have) {
  const auto source = open_tf_checkpoint(golden_path("tf_v1.ckpt"));
  expect_error(ErrorClass::kUsage, "tf_v1.ckpt: no tensor \"x\"", [&] { source->read("x"); });
}

TEST(TfV2Checkpoint, reads_integers_too) {
  const auto source = open_tf_checkpoint(golden_path("tf_v2.index"));
  const Tensor step = source->read("global_step");
  EXPECT_EQ(step.dtype, DType::kI64);
  EXPECT_EQ(step.data.size(), 8U);
  EXPECT_EQ(std::to_integer<int>(step.data[0]) + 256 * std::to_integer<int>(step.data[1]), 12345);
}

TEST(TfV2Checkpoint, names_the_data_file_that_is_missing) {
  TemporaryFolder folder;
  fs::copy(golden_path("tf_v2.index"), folder / "m.index");
  expect_error(ErrorClass::kNotFound, "m.data-00000-of-00001: missing, though m.index refers to it",
               [&] { open_tf_checkpoint(folder / "m.index"); });
}

TEST(TfV2Checkpoint, notices_a_data_file_that_is_cut_short) {
  TemporaryFolder folder;
  fs::copy(golden_path("tf_v2.index"), folder / "m.index");
  fs::copy(golden_path("tf_v2.data-00000-of-00001"), folder / "m.data-00000-of-00001");
  fs::resize_file(folder / "m.data-00000-of-00001", 5000);
  const auto source = open_tf_checkpoint(folder / "m.index");
  source->read("vggish/conv1/biases");
  expect_error(ErrorClass::kCorrupt, "tensor \"vggish/fc2/weights\" is said to have",
               [&] { source->read("vggish/fc2/weights"); });
}

TEST(TfV2Checkpoint, notices_a_changed_bit_in_the_data) {
  TemporaryFolder folder;
  fs::copy(golden_path("tf_v2.index"), folder / "m.index");
  const fs::path data = folder / "m.data-00000-of-00001";
  fs::copy(golden_path("tf_v2.data-00000-of-00001"), data);
  {
    std::fstream file(data, std::ios::in | std::ios::out | std::ios::binary);
    file.seekg(20);
    const int byte = file.get();
    file.seekp(20);
    file.put(static_cast<char>(byte ^ 1));
  }
  const auto source = open_tf_checkpoint(folder / "m.index");
  int num_damaged = 0;
  for (const auto& tensor : source->tensors()) {
    try {
      source->read(tensor.name);
    } catch (const Error& error) {
      EXPECT_NE(std::string(error.what()).find("its checksum is wrong"), std::string::npos);
      ++num_damaged;
    }
  }
  EXPECT_EQ(num_damaged, 1);
}

}  // namespace
}  // namespace vggroove::weights::testing

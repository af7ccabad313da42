#include "weights/import/open_source.h"

#include <gtest/gtest.h>

#include <fstream>

#include "tests/support/expect_error.h"
#include "tests/support/temporary_folder.h"
#include "tests/weights/import/golden.h"
#include "weights/npz.h"
#include "weights/safetensors.h"

namespace vggroove::weights::testing {
namespace {

using vggroove::testing::expect_error;
using vggroove::testing::TemporaryFolder;

TEST(OpenTensorSource, tells_formats_by_content_not_by_name) {
  TemporaryFolder folder;
  for (const char* name : {"tf_v1.ckpt", "state_dict.pth", "state_dict_legacy.pth"}) {
    std::filesystem::copy_file(golden_path(name), folder / "weights.txt",
                               std::filesystem::copy_options::overwrite_existing);
    EXPECT_GE(open_tensor_source(folder / "weights.txt")->tensors().size(), 18U) << name;
  }
}

TEST(OpenTensorSource, takes_the_prefix_of_a_tensorflow_checkpoint) {
  expect_golden_network(*open_tensor_source(golden_path("tf_v2")));
  expect_golden_network(*open_tensor_source(golden_path("tf_v2.index")));
}

TEST(OpenTensorSource, reads_npz_and_safetensors) {
  TemporaryFolder folder;
  const std::vector<float> values = golden_values("x", 6);
  const auto bytes = std::as_bytes(std::span(values));
  const std::vector<Tensor> tensors{{"x", DType::kF32, {2, 3}, {bytes.begin(), bytes.end()}}};
  write_npz(folder / "m.npz", tensors);
  const std::vector<TensorHeader> headers{{"x", DType::kF32, {2, 3}}};
  SafetensorsWriter writer(folder / "m.safetensors", {}, headers);
  writer.append(bytes);
  writer.commit();
  for (const char* name : {"m.npz", "m.safetensors"}) {
    const auto source = open_tensor_source(folder / name);
    ASSERT_EQ(source->tensors().size(), 1U) << name;
    const Tensor tensor = source->read("x");
    EXPECT_EQ(tensor.name, "x");
    EXPECT_EQ(tensor.shape, (Shape{2, 3}));
    EXPECT_EQ(to_floats(tensor), values) << name;
  }
}

TEST(OpenTensorSource, says_what_to_do_with_files_that_it_does_not_read) {
  TemporaryFolder folder;
  const auto expect = [&](const char* name, const std::string& bytes, ErrorClass error_class,
                          const std::string& words) {
    std::ofstream(folder / name, std::ios::binary) << bytes;
    expect_error(error_class, name + (": " + words), [&] { open_tensor_source(folder / name); });
  };
  expect("m.h5", "\x89HDF\r\n\x1a\n" + std::string(100, '\0'), ErrorClass::kUnsupported,
         "HDF5 (Keras) is not read; convert it in Python");
  expect("m.npy", "\x93NUMPY\x01" + std::string(100, '\0'), ErrorClass::kUnsupported,
         "a single NumPy array");
  expect("m.data-00000-of-00001", std::string(100, 'x'), ErrorClass::kUnsupported,
         "the numbers of a TensorFlow checkpoint; give its .index file");
  expect("page.html", "<html>404</html>", ErrorClass::kUnsupported,
         "neither a TensorFlow checkpoint nor .pth");
  expect("empty", "", ErrorClass::kEmpty, "the file is empty");
  expect_error(ErrorClass::kNotFound, "missing: ", [&] { open_tensor_source(folder / "missing"); });
  expect_error(ErrorClass::kUnreadable, "not a regular file",
               [&] { open_tensor_source(folder.path()); });
}

}  // namespace
}  // namespace vggroove::weights::testing

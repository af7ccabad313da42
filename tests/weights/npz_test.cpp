#include "weights/npz.h"

#include <gtest/gtest.h>

#include <cstring>
#include <filesystem>
#include <string>

#include "tests/support/expect_error.h"
#include "tests/support/file_size_limit.h"
#include "tests/support/temporary_folder.h"
#include "tests/weights/golden.h"
#include "weights/float_conversion.h"

namespace vggroove::weights {
namespace {

using vggroove::testing::expect_error;
using vggroove::testing::TemporaryFolder;
using weights::testing::contents;
using weights::testing::golden;
using weights::testing::put;
using weights::testing::ramp_values;

std::vector<float> floats(const NpyArray& array) {
  std::vector<float> values(static_cast<std::size_t>(num_elements(array.tensor.shape)));
  convert_to_fp32(array.tensor.dtype, array.tensor.data, values);
  return values;
}

template <class T>
std::vector<T> numbers(const NpyArray& array, DType dtype) {
  EXPECT_EQ(array.tensor.dtype, dtype);
  std::vector<T> values(array.tensor.data.size() / sizeof(T));
  std::memcpy(values.data(), array.tensor.data.data(), array.tensor.data.size());
  return values;
}

// A .npy file of this dictionary and so many zero bytes.
std::string npy(const std::string& dictionary, std::size_t data_bytes) {
  std::string bytes("\x93NUMPY\x01\x00", 8);
  bytes += static_cast<char>(dictionary.size() & 0xff);
  bytes += static_cast<char>(dictionary.size() >> 8);
  return bytes + dictionary + std::string(data_bytes, '\0');
}

TEST(Npz, reads_what_numpy_wrote_stored_and_deflated) {
  for (const char* name : {"stored.npz", "deflated.npz"}) {
    SCOPED_TRACE(name);
    const auto arrays = read_npz(golden(name));
    EXPECT_EQ(arrays.size(), 14u);
    EXPECT_EQ(arrays.at("f2").tensor.dtype, DType::kF16);
    EXPECT_EQ(floats(arrays.at("f2")), ramp_values(6));
    EXPECT_EQ(arrays.at("f4_fortran").tensor.name, "f4_fortran");
    EXPECT_EQ(arrays.at("f4_fortran").tensor.shape, (Shape{2, 3, 4}));
    EXPECT_EQ(floats(arrays.at("f4_fortran")), ramp_values(24));
    EXPECT_EQ(floats(arrays.at("f8_fortran")), ramp_values(15));
    EXPECT_EQ(numbers<std::int64_t>(arrays.at("i8"), DType::kI64),
              (std::vector<std::int64_t>{-3, -2, -1, 0, 1, 2}));
    EXPECT_EQ(numbers<std::int32_t>(arrays.at("i4"), DType::kI32).front(), -3);
    EXPECT_EQ(numbers<std::int16_t>(arrays.at("i2"), DType::kI16).front(), -3);
    EXPECT_EQ(numbers<std::int8_t>(arrays.at("i1"), DType::kI8).front(), -3);
    EXPECT_EQ(numbers<std::uint8_t>(arrays.at("u1"), DType::kU8).back(), 255);
    EXPECT_EQ(numbers<std::uint8_t>(arrays.at("bool"), DType::kBool),
              (std::vector<std::uint8_t>{1, 0, 1}));
    EXPECT_EQ(arrays.at("scalar").tensor.shape, Shape{});
    EXPECT_EQ(floats(arrays.at("scalar")), std::vector<float>{2.5f});
    EXPECT_EQ(arrays.at("empty").tensor.shape, (Shape{0, 3}));
    const NpyArray& text = arrays.at("text");
    EXPECT_TRUE(text.is_text);
    EXPECT_EQ(text.tensor.shape, (Shape{2, 3}));
    EXPECT_EQ(text.strings, (std::vector<std::string>{"rock", "m\u00fcsic", "", "\U0001f3b5", "a b",
                                                      std::string("x\0y", 3)}));
    EXPECT_EQ(arrays.at("text_fortran").strings,
              (std::vector<std::string>{"a", "bc", "d", "e", "f", "gh"}));
    EXPECT_EQ(arrays.at("bytes").strings, (std::vector<std::string>{"blues", "jazz", ""}));
  }
}

TEST(Npy, reads_all_three_versions) {
  for (const char* name : {"version1.npy", "version2.npy", "version3.npy"}) {
    const NpyArray array = read_npy(golden(name));
    EXPECT_EQ(array.tensor.shape, (Shape{3, 5})) << name;
    EXPECT_EQ(floats(array), ramp_values(15)) << name;
  }
}

TEST(Npy, writes_the_bytes_that_numpy_writes) {
  const TemporaryFolder folder;
  write_npy(folder / "x.npy", read_npy(golden("version1.npy")).tensor);
  EXPECT_EQ(contents(folder / "x.npy"), contents(golden("version1.npy")));
}

TEST(Npz, reads_back_what_it_wrote) {
  const TemporaryFolder folder;
  std::vector<Tensor> tensors;
  for (auto& [name, array] : read_npz(golden("stored.npz"))) {
    if (!array.is_text) {
      tensors.push_back(array.tensor);
    }
  }
  tensors[0].name = "vggish/conv1/weights";  // a name with slashes is a path inside the zip
  write_npz(folder / "x.npz", tensors);
  const auto arrays = read_npz(folder / "x.npz");
  EXPECT_EQ(arrays.size(), tensors.size());
  for (const Tensor& tensor : tensors) {
    const Tensor& read = arrays.at(tensor.name).tensor;
    EXPECT_EQ(read.dtype, tensor.dtype) << tensor.name;
    EXPECT_EQ(read.shape, tensor.shape) << tensor.name;
    EXPECT_EQ(read.data, tensor.data) << tensor.name;
  }
}

TEST(Npz, says_why_it_refuses_an_array) {
  const std::vector<std::pair<const char*, const char*>> cases{
      {"refused_object.npy", "object arrays are refused"},
      {"refused_big_endian.npy", "big endian; convert it with array.astype"},
      {"refused_structured.npy", "structured arrays"},
      {"refused_complex.npy", "dtype \"<c8\""},
      {"refused_unsigned.npy", "dtype \"<u4\""},
      {"refused_date.npy", "dtype \"<M8[s]\""},
  };
  for (const auto& [name, words] : cases) {
    expect_error(ErrorClass::kUnsupported, words, [&, file = name] { read_npy(golden(file)); });
    expect_error(ErrorClass::kUnsupported, name, [&, file = name] { read_npy(golden(file)); });
  }
  expect_error(ErrorClass::kUnsupported, "refused_object.npz: \"labels.npy\": object arrays",
               [] { read_npz(golden("refused_object.npz")); });
  expect_error(ErrorClass::kUnsupported, "compression 12",
               [] { read_npz(golden("refused_bzip2.npz")); });
  expect_error(ErrorClass::kUnsupported, "\"readme.txt\" is no .npy array",
               [] { read_npz(golden("refused_member.npz")); });
}

TEST(Npy, refuses_every_malformed_file) {
  const TemporaryFolder folder;
  const auto f4 = [](const std::string& shape) {
    return "{'descr': '<f4', 'fortran_order': False, 'shape': " + shape + ", }";
  };
  constexpr auto kCorrupt = ErrorClass::kCorrupt, kUnsupported = ErrorClass::kUnsupported;
  const std::vector<std::tuple<std::string, ErrorClass, std::string>> cases{
      {"no array at all", kCorrupt, "are missing"},
      {"\x93NUMPY", kCorrupt, "ends inside the header"},
      {std::string("\x93NUMPY\x04\x00      ", 14), kUnsupported, "version 4.0"},
      {std::string("\x93NUMPY\x02\x00\xff\xff\xff\xff", 12), kUnsupported, "4294967295 bytes"},
      {std::string("\x93NUMPY\x01\x00\xff\x00{}", 12), kCorrupt, "header's length"},
      {npy("", 20), kCorrupt, "header's length"},
      {npy("{}", 0), kCorrupt, "makes no sense at its character 2"},
      {npy(f4("(1,)") + "x", 4), kCorrupt, "makes no sense"},
      {npy("{'shape': (1,), 'shape': (1,)}", 4), kCorrupt, "character 24"},
      {npy("{'descr': '<f4', 'fortran_order': 0, 'shape': (1,)}", 4), kCorrupt, "makes no sense"},
      {npy("{'descr': '<f4', 'fortran_order': False, 'other': (1,)}", 4), kCorrupt, "no sense"},
      {npy("{'descr': '<f4", 4), kCorrupt, "makes no sense"},
      {npy("{'descr': 'f4', 'fortran_order': False, 'shape': ()}", 4), kUnsupported,
       "dtype \"f4\""},
      {npy("{'descr': '<f4x', 'fortran_order': False, 'shape': ()}", 4), kUnsupported, "\"<f4x\""},
      {npy("{'descr': '|O8', 'fortran_order': False, 'shape': ()}", 8), kUnsupported, "object"},
      {npy("{'descr': '>U1', 'fortran_order': False, 'shape': ()}", 4), kUnsupported, "big endian"},
      {npy("{'descr': '<U0', 'fortran_order': False, 'shape': (4611686018427387904,)}", 0),
       kUnsupported, "text of 0 characters"},
      {npy("{'descr': '<U99999999999999999999', 'fortran_order': False, 'shape': ()}", 4),
       kUnsupported, "dtype"},
      {npy("{'descr': '<U4611686018427387905', 'fortran_order': False, 'shape': ()}", 4),
       kUnsupported, "text of 4611686018427387905"},
      {npy(f4("(-1,)"), 4), kCorrupt, "makes no sense"},
      {npy(f4("(1.0,)"), 4), kCorrupt, "makes no sense"},
      {npy(f4("(9223372036854775808,)"), 4), kCorrupt, "makes no sense"},
      {npy(f4("(4611686018427387905,)"), 4), kCorrupt, "impossible tensor shape"},
      {npy(f4("(4294967296, 4294967296)"), 0), kCorrupt, "impossible tensor shape"},
      {npy(f4("(2,)"), 4), kCorrupt, "was the file cut off?"},
      {npy(f4("(1,)"), 5), kCorrupt, "does not take the 5 bytes"},
      {npy(f4("(" + std::string(1000, '1') + ")"), 0), kCorrupt, "no sense"},
  };
  for (const auto& [bytes, error_class, words] : cases) {
    SCOPED_TRACE(words);
    put(folder / "x.npy", bytes);
    expect_error(error_class, words, [&] { read_npy(folder / "x.npy"); });
  }
}

TEST(Npy, takes_the_shapes_of_python_2_and_other_writers) {
  const TemporaryFolder folder;
  for (const char* shape : {"(2L, 3L)", "(2,3)", "( 2 , 3 , )"}) {
    put(folder / "x.npy",
        npy(std::string("{\"shape\": ") + shape + ", 'fortran_order':True,'descr':'<f4'}\n", 24));
    EXPECT_EQ(read_npy(folder / "x.npy").tensor.shape, (Shape{2, 3})) << shape;
  }
}

TEST(Npy, refuses_characters_that_do_not_exist) {
  const TemporaryFolder folder;
  for (const std::string& code :
       {std::string("\x00\x00\x11\x00", 4), std::string("\x00\xd8\0\0", 4)}) {
    put(folder / "x.npy", npy("{'descr': '<U1', 'fortran_order': False, 'shape': ()}", 0) + code);
    expect_error(ErrorClass::kCorrupt, "does not exist", [&] { read_npy(folder / "x.npy"); });
  }
}

TEST(Npz, refuses_to_write_what_numpy_lacks_or_does_not_fit) {
  const TemporaryFolder folder;
  const Tensor bf16{"x", DType::kBf16, {1}, std::vector<std::byte>(2)};
  expect_error(ErrorClass::kUsage, "BF16", [&] { write_npy(folder / "x", bf16); });
  const Tensor small{"x", DType::kF32, {2}, std::vector<std::byte>(4)};
  expect_error(ErrorClass::kUsage, "tensor x", [&] { write_npy(folder / "x", small); });
  const Tensor one{"x", DType::kF32, {1}, std::vector<std::byte>(4)};
  expect_error(ErrorClass::kUsage, "no second member", [&] {
    write_npz(folder / "x", std::vector{one, one});
  });
  EXPECT_FALSE(std::filesystem::exists(folder / "x"));
}

TEST(Npz, keeps_the_old_file_when_the_disk_is_full) {
  const TemporaryFolder folder;
  put(folder / "x", "old");
  const vggroove::testing::FileSizeLimit limit(4096);
  const Tensor large{"x", DType::kF32, {5000}, std::vector<std::byte>(20000)};
  expect_error(ErrorClass::kIo, "cannot write",
               [&] { write_npz(folder / "x", std::vector{large}); });
  expect_error(ErrorClass::kIo, "cannot write", [&] { write_npy(folder / "x", large); });
  EXPECT_EQ(contents(folder / "x"), "old");
}

}  // namespace
}  // namespace vggroove::weights

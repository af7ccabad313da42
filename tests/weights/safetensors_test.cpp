#include "weights/safetensors.h"

#include <fmt/format.h>
#include <gtest/gtest.h>

#include <cstring>
#include <filesystem>
#include <string>
#include <thread>

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

std::vector<std::byte> bytes_of(const SafetensorsFile& file, const std::string& name) {
  const SafetensorsEntry& entry = file.tensors().at(name);
  std::vector<std::byte> bytes(entry.size_bytes);
  file.read(entry, 0, bytes);
  return bytes;
}

std::string with_length(std::uint64_t length, const std::string& rest) {
  std::string text(8, '\0');
  std::memcpy(text.data(), &length, 8);
  return text + rest;
}

std::string repeated(const std::string& text, int count) {
  std::string result;
  for (int i = 0; i < count; ++i) {
    result += text;
  }
  return result;
}

// A file of this header and so many zero bytes of data.
std::string file_of(const std::string& header, std::size_t data_bytes = 0) {
  return with_length(header.size(), header + std::string(data_bytes, '\0'));
}

TEST(Safetensors, reads_what_the_format_s_own_library_wrote) {
  const SafetensorsFile file = SafetensorsFile::open(golden("dtypes.safetensors"));
  EXPECT_EQ(file.tensors().size(), 10u);
  EXPECT_EQ(file.metadata().at("note"), "gr\u00fc\u00dfe");
  EXPECT_EQ(file.tensors().at("scalar").shape, Shape{});
  EXPECT_EQ(file.tensors().at("empty").shape, (Shape{0, 4}));
  EXPECT_EQ(file.tensors().at("i64").dtype, DType::kI64);
  EXPECT_EQ(file.tensors().at("bool").dtype, DType::kBool);
  EXPECT_TRUE(file.tensors().contains("name with \u00fc and \u266b"));
  for (const char* name : {"f32", "f64", "f16", "bf16"}) {
    EXPECT_EQ(file.tensors().at(name).shape, (Shape{3, 5})) << name;
    std::vector<float> values(15);
    convert_to_fp32(file.tensors().at(name).dtype, bytes_of(file, name), values);
    EXPECT_EQ(values, ramp_values(15)) << name;
  }
}

TEST(Safetensors, reads_back_what_it_wrote_in_pieces) {
  const TemporaryFolder folder;
  const std::vector<TensorHeader> headers{
      {"b", DType::kF32, {2, 3}}, {"a", DType::kU8, {5}}, {"empty", DType::kF64, {4, 0}}};
  SafetensorsWriter writer(folder / "x", {{"key", "va\"lue\n"}}, headers);
  std::vector<std::byte> data(29);
  for (std::size_t i = 0; i < data.size(); ++i) {
    data[i] = static_cast<std::byte>(i);
  }
  for (std::size_t i = 0; i < data.size(); i += 7) {
    writer.append(std::span(data).subspan(i, std::min<std::size_t>(7, data.size() - i)));
  }
  EXPECT_FALSE(std::filesystem::exists(folder / "x"));
  writer.commit();

  const SafetensorsFile file = SafetensorsFile::open(folder / "x");
  EXPECT_EQ(file.metadata().at("key"), "va\"lue\n");
  EXPECT_EQ(file.tensors().at("b").begin_byte % 8, 0u);
  EXPECT_EQ(bytes_of(file, "b"), std::vector(data.begin(), data.begin() + 24));
  EXPECT_EQ(bytes_of(file, "a"), std::vector(data.begin() + 24, data.end()));
  std::vector<std::byte> middle(3);
  file.read(file.tensors().at("b"), 10, middle);
  EXPECT_EQ(middle, std::vector(data.begin() + 10, data.begin() + 13));
  expect_error(ErrorClass::kUsage, "of a tensor of 5 bytes",
               [&] { file.read(file.tensors().at("a"), 3, middle); });
}

TEST(Safetensors, refuses_to_write_one_name_twice_or_too_few_bytes) {
  const TemporaryFolder folder;
  const std::vector<TensorHeader> twice{{"a", DType::kF32, {1}}, {"a", DType::kF32, {1}}};
  expect_error(ErrorClass::kUsage, "two tensors",
               [&] { SafetensorsWriter(folder / "x", {}, twice); });
  const std::vector<TensorHeader> one{{"a", DType::kF32, {2}}};
  SafetensorsWriter writer(folder / "x", {}, one);
  writer.append(std::vector<std::byte>(7));
  expect_error(ErrorClass::kUsage, "7 bytes of tensors were written instead of 8",
               [&] { writer.commit(); });
}

TEST(Safetensors, keeps_the_old_file_when_the_disk_is_full) {
  const TemporaryFolder folder;
  put(folder / "x", "old");
  {
    const vggroove::testing::FileSizeLimit limit(4096);
    const std::vector<TensorHeader> headers{{"a", DType::kU8, {10000}}};
    SafetensorsWriter writer(folder / "x", {}, headers);
    expect_error(ErrorClass::kIo, "x: cannot write",
                 [&] { writer.append(std::vector<std::byte>(10000)); });
  }
  EXPECT_EQ(contents(folder / "x"), "old");
  EXPECT_EQ(std::distance(std::filesystem::directory_iterator(folder.path()), {}), 1);
}

TEST(Safetensors, is_read_by_several_threads_at_once) {
  const TemporaryFolder folder;
  const std::vector<TensorHeader> headers{{"a", DType::kI32, {100000}}};
  SafetensorsWriter writer(folder / "x", {}, headers);
  std::vector<std::int32_t> values(100000);
  for (std::size_t i = 0; i < values.size(); ++i) {
    values[i] = static_cast<std::int32_t>(i);
  }
  writer.append(std::as_bytes(std::span(values)));
  writer.commit();
  const SafetensorsFile file = SafetensorsFile::open(folder / "x");
  std::vector<int> num_wrong(4);
  {
    std::vector<std::jthread> threads;
    for (std::size_t t = 0; t < num_wrong.size(); ++t) {
      threads.emplace_back([&, t] {
        std::vector<std::int32_t> piece(100);
        for (std::size_t first = t; first + 100 <= values.size(); first += 997) {
          file.read(file.tensors().at("a"), first * 4, std::as_writable_bytes(std::span(piece)));
          num_wrong[t] += piece.front() != static_cast<int>(first) ||
                          piece.back() != static_cast<int>(first + 99);
        }
      });
    }
  }
  EXPECT_EQ(num_wrong, std::vector<int>(4));
}

TEST(Safetensors, names_a_file_that_cannot_be_opened) {
  const TemporaryFolder folder;
  expect_error(ErrorClass::kNotFound, "missing: cannot open",
               [&] { SafetensorsFile::open(folder / "missing"); });
  expect_error(ErrorClass::kUnreadable, "not a regular file",
               [&] { SafetensorsFile::open(folder.path()); });
  put(folder / "empty", "");
  expect_error(ErrorClass::kEmpty, "empty", [&] { SafetensorsFile::open(folder / "empty"); });
}

struct Malformed {
  const char* what;
  std::string bytes;
  ErrorClass error_class;
  const char* words;
};

std::vector<Malformed> malformed_files() {
  const auto tensor = [](const std::string& dtype, const std::string& shape,
                         const std::string& offsets) {
    return fmt::format(R"({{"a":{{"dtype":"{}","shape":{},"data_offsets":{}}}}})", dtype, shape,
                       offsets);
  };
  const auto two = [](const std::string& first, const std::string& second) {
    return fmt::format(R"({{"a":{{"dtype":"U8","shape":[4],"data_offsets":{}}},)"
                       R"("b":{{"dtype":"U8","shape":[4],"data_offsets":{}}}}})",
                       first, second);
  };
  constexpr auto kCorrupt = ErrorClass::kCorrupt;
  std::string truncated = contents(golden("dtypes.safetensors"));
  truncated.pop_back();
  return {
      {"shorter than its length field", "abc", kCorrupt, "only 3 bytes"},
      {"length beyond the file", with_length(1000, "{}"), kCorrupt, "cut off"},
      {"length of 2^63", with_length(std::uint64_t{1} << 63, "{}"), kCorrupt, "header length"},
      {"length of 2^64-1", with_length(~std::uint64_t{0}, "{}"), kCorrupt, "header length"},
      {"length over the limit", with_length(100'000'001, "{}"), kCorrupt, "more than 100000000"},
      {"zip file", "PK\x03\x04 and much more of it", kCorrupt, "header length"},
      {"no JSON", file_of("{nonsense}"), kCorrupt, "not JSON near byte"},
      {"byte order mark", file_of("\xef\xbb\xbf{}"), kCorrupt, "byte 8 is not '{'"},
      {"a list", file_of("[]"), kCorrupt, "byte 8"},
      {"invalid UTF-8 in a name", file_of("{\"\xff\":1}"), kCorrupt, "not JSON"},
      {"two documents", file_of("{}{}"), kCorrupt, "not JSON"},
      {"a million brackets", file_of(fmt::format(R"({{"a":{})", repeated("[", 1'000'000))),
       kCorrupt, "a list where none belongs"},
      {"a million objects", file_of(repeated("{\"a\":", 1'000'000)), kCorrupt,
       "an object where none belongs"},
      {"one tensor twice",
       file_of(R"({"a":{"dtype":"U8","shape":[0],"data_offsets":[0,0]},"a":{"dtype":"U8","shape":)"
               R"([0],"data_offsets":[0,0]}})"),
       kCorrupt, "stands there twice"},
      {"metadata twice", file_of(R"({"__metadata__":{},"__metadata__":{}})"), kCorrupt, "twice"},
      {"metadata key twice", file_of(R"({"__metadata__":{"k":"1","k":"2"}})"), kCorrupt, "twice"},
      {"metadata of numbers", file_of(R"({"__metadata__":{"k":1}})"), kCorrupt, "number 1"},
      {"metadata no object", file_of(R"({"__metadata__":"x"})"), kCorrupt, "text \"x\""},
      {"shape twice", file_of(R"({"a":{"shape":[1],"shape":[1]}})"), kCorrupt, "a list"},
      {"no offsets", file_of(R"({"a":{"dtype":"U8","shape":[0]}})"), kCorrupt, "are needed"},
      {"three offsets", file_of(tensor("U8", "[1]", "[0,1,1]"), 1), kCorrupt, "number 1"},
      {"null shape", file_of(tensor("U8", "null", "[0,1]"), 1), kCorrupt, "null"},
      {"unknown dtype", file_of(tensor("F8_E4M3", "[1]", "[0,1]"), 1), ErrorClass::kUnsupported,
       "dtype \"F8_E4M3\""},
      {"negative extent", file_of(tensor("U8", "[-1]", "[0,1]"), 1), kCorrupt, "negative"},
      {"fractional extent", file_of(tensor("U8", "[1.5]", "[0,1]"), 1), kCorrupt, "no length"},
      {"extent of 2^63", file_of(tensor("U8", "[9223372036854775808]", "[0,1]"), 1), kCorrupt,
       "makes no sense"},
      {"extent of 2^64", file_of(tensor("U8", "[18446744073709551616]", "[0,1]"), 1), kCorrupt,
       "no length"},
      {"product that wraps to 0", file_of(tensor("U8", "[4294967296,4294967296]", "[0,0]")),
       kCorrupt, "does not take"},
      {"product that wraps to 4", file_of(tensor("F32", "[4611686018427387905]", "[0,4]"), 4),
       kCorrupt, "does not take"},
      {"33 extents",
       file_of(tensor("U8", std::string("[1").append(repeated(",1", 32)) + "]", "[0,1]"), 1),
       kCorrupt, "makes no sense"},
      {"offsets against the shape", file_of(tensor("F32", "[2]", "[0,4]"), 4), kCorrupt,
       "does not take the 4 bytes"},
      {"half an element", file_of(tensor("F32", "[1]", "[0,5]"), 5), kCorrupt, "does not take"},
      {"empty tensor with bytes", file_of(tensor("U8", "[0]", "[0,1]"), 1), kCorrupt,
       "does not take"},
      {"offsets backwards", file_of(tensor("U8", "[1]", "[1,0]"), 1), kCorrupt, "outside"},
      {"offsets beyond the data", file_of(tensor("U8", "[9]", "[0,9]"), 8), kCorrupt, "cut off"},
      {"offsets of 2^64-1",
       file_of(tensor("U8", "[1]",
                      "[18446744073709551614,"
                      "18446744073709551615]"),
               1),
       kCorrupt, "outside"},
      {"overlap", file_of(two("[0,4]", "[2,6]"), 6), kCorrupt, "inside the tensor before it"},
      {"gap", file_of(two("[0,4]", "[5,9]"), 9), kCorrupt, "with a gap after"},
      {"bytes after the last tensor", file_of(two("[0,4]", "[4,8]"), 9), kCorrupt,
       "1 bytes follow the last tensor"},
      {"truncated data", truncated, kCorrupt, "cut off"},
  };
}

TEST(Safetensors, refuses_every_malformed_file) {
  const TemporaryFolder folder;
  for (const Malformed& malformed : malformed_files()) {
    SCOPED_TRACE(malformed.what);
    put(folder / "x.safetensors", malformed.bytes);
    expect_error(malformed.error_class, malformed.words,
                 [&] { SafetensorsFile::open(folder / "x.safetensors"); });
    expect_error(malformed.error_class,
                 "x.safetensors: ", [&] { SafetensorsFile::open(folder / "x.safetensors"); });
  }
}

TEST(Safetensors, refuses_every_truncation_of_a_good_file) {
  const TemporaryFolder folder;
  const std::string good = contents(golden("dtypes.safetensors"));
  for (std::size_t length = 1; length < good.size(); ++length) {
    put(folder / "x", std::string_view(good).substr(0, length));
    expect_error(ErrorClass::kCorrupt, "x: ", [&] { SafetensorsFile::open(folder / "x"); });
  }
}

TEST(Safetensors, notices_a_file_that_shrinks_after_it_was_opened) {
  const TemporaryFolder folder;
  put(folder / "x", contents(golden("dtypes.safetensors")));
  const SafetensorsFile file = SafetensorsFile::open(folder / "x");
  std::filesystem::resize_file(folder / "x", 100);
  expect_error(ErrorClass::kCorrupt, "became shorter", [&] { bytes_of(file, "f64"); });
}

}  // namespace
}  // namespace vggroove::weights

#include <gtest/gtest.h>

#include <fstream>
#include <limits>

#include "tests/support/expect_error.h"
#include "tests/support/temporary_folder.h"
#include "tests/weights/import/golden.h"
#include "tests/weights/import/table_text.h"
#include "weights/import/tf_checkpoint.h"
#include "weights/import/tf_slices.h"

namespace vggroove::weights::testing {
namespace {

using vggroove::testing::expect_error;
using vggroove::testing::TemporaryFolder;

constexpr std::uint64_t kHuge = std::numeric_limits<std::int64_t>::max();

std::string shape_message(const std::vector<std::uint64_t>& shape) {
  std::string message;
  for (const std::uint64_t extent : shape) {
    message += bytes_field(2, number_field(1, extent));
  }
  return message;
}

std::string slice_message(const TfSlice& slice) {
  std::string message;
  for (const TfExtent& extent : slice) {
    message += bytes_field(1, extent.length < 0
                                  ? std::string()
                                  : number_field(1, static_cast<std::uint64_t>(extent.start)) +
                                        number_field(2, static_cast<std::uint64_t>(extent.length)));
  }
  return message;
}

std::string floats(const std::vector<float>& values) {
  return {reinterpret_cast<const char*>(values.data()), values.size() * sizeof(float)};
}

// A V1 checkpoint of one tensor "x" of two dimensions or less.
struct V1Text {
  std::vector<std::uint64_t> shape{2, 3};
  std::uint64_t dtype = 1;
  std::vector<TfSlice> slices{{{}, {}}};
  std::string saved_name = "x";
  std::string values = bytes_field(5, floats({1, 2, 3, 4, 5, 6}));  // of every slice
  bool has_values = true;

  std::string finish() const {
    std::string listed =
        bytes_field(1, "x") + bytes_field(2, shape_message(shape)) + number_field(3, dtype);
    std::vector<std::pair<std::string, std::string>> entries;
    for (const TfSlice& slice : slices) {
      listed += bytes_field(4, slice_message(slice));
      const std::string saved = bytes_field(1, saved_name) + bytes_field(2, slice_message(slice)) +
                                bytes_field(3, values);
      if (has_values) {
        entries.emplace_back(tf_slice_key("x", slice), bytes_field(2, saved));
      }
    }
    entries.emplace(entries.begin(), "", bytes_field(1, bytes_field(1, listed)));
    return TableText::of(entries);
  }
};

class HostileTfCheckpoint : public ::testing::Test {
 protected:
  Tensor read_x(const std::string& bytes) {
    std::ofstream(folder_ / "m.ckpt", std::ios::binary) << bytes;
    return open_tf_checkpoint(folder_ / "m.ckpt")->read("x");
  }
  void expect_corrupt(const V1Text& text, const std::string& words) {
    expect_error(ErrorClass::kCorrupt, words, [&] { read_x(text.finish()); });
  }

  TemporaryFolder folder_;
};

TEST_F(HostileTfCheckpoint, that_is_harmless_is_read) {
  EXPECT_EQ(to_floats(read_x(V1Text().finish())), (std::vector<float>{1, 2, 3, 4, 5, 6}));
}

TEST_F(HostileTfCheckpoint, may_store_its_values_in_any_valid_way) {
  V1Text text;
  text.values.clear();
  for (const float value : {1.0F, 2.0F, 3.0F, 4.0F}) {
    text.values += fixed_field(5, value);
  }
  text.values += bytes_field(5, floats({5})) + bytes_field(5, floats({6}));
  EXPECT_EQ(to_floats(read_x(text.finish())), (std::vector<float>{1, 2, 3, 4, 5, 6}));

  text.values = bytes_field(4, floats({6, 5, 4, 3, 2, 1}));
  EXPECT_EQ(to_floats(read_x(text.finish())), (std::vector<float>{6, 5, 4, 3, 2, 1}));

  text.dtype = 19;  // fp16: 1.0 is 0x3c00, 2.0 is 0x4000
  text.values = bytes_field(13, varint(0x3c00) + varint(0x4000) + varint(0)) +
                number_field(13, 0x3c00) + number_field(13, 0x4000) + number_field(13, 0xbc00);
  EXPECT_EQ(to_floats(read_x(text.finish())), (std::vector<float>{1, 2, 0, 1, 2, -1}));
}

TEST_F(HostileTfCheckpoint, needs_as_many_values_as_its_shape) {
  V1Text text;
  text.shape = {2, 4};
  expect_corrupt(text, "24 bytes of values where 32 are expected");
  text.shape = {2, 2};
  expect_corrupt(text, "24 bytes of values where 16 are expected");
  text.shape = {2, 3};
  text.dtype = 2;  // fp64, whose values are in another field
  expect_corrupt(text, "0 bytes of values where 48 are expected");
  text.dtype = 19;
  text.values = bytes_field(13, "\xff");
  expect_corrupt(text, "a number is damaged");
}

TEST_F(HostileTfCheckpoint, may_not_claim_impossible_shapes) {
  V1Text text;
  text.shape = {kHuge, kHuge};
  expect_corrupt(text, "impossible tensor shape");
  text.shape = {~std::uint64_t{0}, 1};  // -1
  expect_corrupt(text, "impossible tensor shape");
  text.shape = {std::uint64_t{1} << 40, 1};
  expect_corrupt(text, "is larger than the file can hold");
  text.shape = {std::uint64_t{1} << 62, 1};  // times 4 bytes it overflows
  expect_corrupt(text, "is larger than the file can hold");
  text.shape = std::vector<std::uint64_t>(17, 1);
  expect_corrupt(text, "more than 16 dimensions");
}

TEST_F(HostileTfCheckpoint, needs_slices_that_cover_the_tensor_once) {
  V1Text text;
  const TfExtent all;
  text.slices = {{{0, 1}, all}};
  expect_corrupt(text, "its slices do not cover the tensor");
  text.slices = {{{0, 1}, all}, {{0, 1}, all}};
  expect_corrupt(text, "two slices overlap");
  text.slices = {{{0, 2}, {0, 2}}, {{1, 1}, {1, 2}}};
  expect_corrupt(text, "two slices overlap");
  text.slices = {{{0, 3}, all}};
  expect_corrupt(text, "a slice reaches beyond its tensor");
  text.slices = {{{static_cast<std::int64_t>(kHuge), 2}, all}};
  expect_corrupt(text, "a slice reaches beyond its tensor");
  text.slices = {{{-1, 2}, all}};
  expect_corrupt(text, "a slice reaches beyond its tensor");
  text.slices = {{{1, static_cast<std::int64_t>(kHuge)}, all}};
  expect_corrupt(text, "a slice reaches beyond its tensor");
  text.slices = {{all}};
  expect_corrupt(text, "a slice has other dimensions than its tensor");
  text.slices.clear();
  expect_corrupt(text, "do not cover");
  text.slices.assign(1025, {all, all});
  expect_corrupt(text, "more than 1024 slices");
}

TEST_F(HostileTfCheckpoint, needs_the_values_that_it_lists) {
  V1Text text;
  text.has_values = false;
  expect_corrupt(text, "is in the list, but its values are missing");
  text.has_values = true;
  text.saved_name = "y";
  expect_corrupt(text, "its values belong to another tensor");
  expect_error(ErrorClass::kCorrupt, "the checkpoint has no list of its tensors", [&] {
    read_x(TableText::of({{"a", "b"}}));
  });
}

TEST_F(HostileTfCheckpoint, may_not_hold_damaged_protocol_buffers) {
  const auto expect_damaged = [&](const std::string& list, const std::string& words) {
    expect_error(ErrorClass::kCorrupt, words, [&] { read_x(TableText::of({{"", list}})); });
  };
  expect_damaged("\x0a", "a length is damaged");
  expect_damaged(
      "\x0a\x05"
      "ab",
      "a field is longer than the message");
  expect_damaged("\x0a" + varint(~std::uint64_t{0}) + "ab", "a field is longer than the message");
  expect_damaged("\x0a" + std::string(10, '\xff') + "\x01", "a length is damaged");
  expect_damaged(std::string(10, '\xff'), "a field number is damaged");
  expect_damaged(std::string(1, '\0'), "a field number is damaged");
  expect_damaged("\x0b", "a field of an unknown type");  // a group
  expect_damaged(fixed_field<std::uint32_t>(1, 5), "a field of another type is expected");
  expect_damaged("\x0d\x01\x02", "a field is longer than the message");
  expect_damaged("\x09\x01\x02", "a field is longer than the message");
  // Fields of fields of fields: as deep as the format asks for, and no deeper.
  std::string deep;
  for (int i = 0; i < 10'000; ++i) {
    deep = bytes_field(1, deep);
  }
  EXPECT_THROW(read_x(TableText::of({{"", deep}})), Error);
}

// A V2 checkpoint of one tensor "x" of six fp32 values.
struct V2Text {
  std::string header = number_field(1, 1);
  std::string entry = number_field(1, 1) + bytes_field(2, shape_message({2, 3})) +
                      number_field(4, 0) + number_field(5, 24);
  std::string data = floats({1, 2, 3, 4, 5, 6});
};

class HostileTfV2Checkpoint : public HostileTfCheckpoint {
 protected:
  Tensor read_x(const V2Text& text) {
    const std::uint32_t crc =
        std::rotr(crc32c(std::as_bytes(std::span(text.data))), 15) + 0xa282ead8U;
    std::ofstream(folder_ / "m.index", std::ios::binary)
        << TableText::of({{"", text.header}, {"x", text.entry + fixed_field(6, crc)}});
    std::ofstream(folder_ / "m.data-00000-of-00001", std::ios::binary) << text.data;
    return open_tf_checkpoint(folder_ / "m.index")->read("x");
  }
  void expect_corrupt(const V2Text& text, const std::string& words) {
    expect_error(ErrorClass::kCorrupt, words, [&] { read_x(text); });
  }
  static std::string entry(std::vector<std::uint64_t> shape, std::uint64_t shard,
                           std::uint64_t offset, std::uint64_t size_bytes) {
    return number_field(1, 1) + bytes_field(2, shape_message(shape)) + number_field(3, shard) +
           number_field(4, offset) + number_field(5, size_bytes);
  }
};

TEST_F(HostileTfV2Checkpoint, that_is_harmless_is_read) {
  EXPECT_EQ(to_floats(read_x(V2Text())), (std::vector<float>{1, 2, 3, 4, 5, 6}));
}

TEST_F(HostileTfV2Checkpoint, may_not_reach_beyond_its_data) {
  V2Text text;
  text.entry = entry({2, 3}, 0, 4, 24);
  expect_corrupt(text, "is said to have 24 bytes at byte 4");
  text.entry = entry({2, 3}, 0, ~std::uint64_t{0}, 24);
  expect_corrupt(text, "is said to have 24 bytes at byte 18446744073709551615");
  text.entry = entry({2, 3}, 0, 0, 20);
  expect_corrupt(text, "its shape [2, 3] needs 24");
  text.entry = entry({2, kHuge / 4}, 0, 0, 24);
  expect_corrupt(text, "is larger than the file can hold");
  text.entry = entry({kHuge, kHuge}, 0, 0, 24);
  expect_corrupt(text, "impossible tensor shape");
  text.entry = entry({2, 3}, 1, 0, 24);
  expect_corrupt(text, "lies in data file 1 of 1");
  text.entry = entry({2, 3}, ~std::uint64_t{0}, 0, 24);
  expect_corrupt(text, "lies in data file 18446744073709551615 of 1");
  text.entry = entry({2, 3}, 0, 0, 24) + bytes_field(7, slice_message({{0, 2}, {}}));
  expect_corrupt(text, "one of its slices is missing");
}

TEST_F(HostileTfV2Checkpoint, may_not_claim_a_strange_number_of_data_files) {
  V2Text text;
  for (const std::uint64_t num_shards : {std::uint64_t{0}, std::uint64_t{1} << 40}) {
    text.header = number_field(1, num_shards);
    expect_corrupt(text, "the checkpoint claims " + std::to_string(num_shards) + " data files");
  }
  text.header = number_field(1, 2);
  expect_error(ErrorClass::kNotFound, "m.data-00000-of-00002: missing", [&] { read_x(text); });
  text.header = number_field(1, 1) + number_field(2, 1);
  expect_error(ErrorClass::kUnsupported, "big-endian", [&] { read_x(text); });
}

TEST(TfSlices, are_keyed_as_tensorflow_keys_them) {
  // 0; the name, ended by 00 01; two dimensions; starts and lengths, -1 for all of a dimension.
  EXPECT_EQ(tf_slice_key("ab", {{}, {3, 70}}), std::string("\0ab\0\1\1\2\x80\x7f\x83\xc0\x46", 12));
  EXPECT_EQ(tf_slice_key(std::string("a\0\xff", 3), {}), std::string("\0a\0\xff\xff\0\0\1\0", 9));
}

TEST_F(HostileTfCheckpoint, cut_or_changed_anywhere_is_an_error_and_no_crash) {
  std::ifstream file(golden_path("tf_v1_partitioned.ckpt"), std::ios::binary);
  const std::string bytes{std::istreambuf_iterator<char>(file), {}};
  for (std::size_t size = 1; size < bytes.size(); size += 97) {
    EXPECT_THROW(read_x(bytes.substr(0, size)), Error);
  }
}

}  // namespace
}  // namespace vggroove::weights::testing

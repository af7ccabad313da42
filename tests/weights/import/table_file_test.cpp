#include "weights/import/table_file.h"

#include <gtest/gtest.h>
#include <leveldb/env.h>
#include <leveldb/iterator.h>
#include <leveldb/options.h>
#include <leveldb/table.h>
#include <leveldb/table_builder.h>

#include <fstream>
#include <memory>

#include "tests/support/expect_error.h"
#include "tests/support/temporary_folder.h"
#include "tests/weights/import/golden.h"
#include "tests/weights/import/table_text.h"
#include "weights/import/tf_checkpoint.h"
#include "weights/import/wire_reader.h"

namespace vggroove::weights::testing {
namespace {

using vggroove::testing::expect_error;
using vggroove::testing::TemporaryFolder;

class TableFileTest : public ::testing::Test {
 protected:
  TableFile open(const std::string& bytes) {
    std::ofstream(folder_ / "t", std::ios::binary) << bytes;
    return TableFile(folder_ / "t");
  }
  void expect_corrupt(const std::string& bytes, const std::string& words) {
    expect_error(ErrorClass::kCorrupt, words, [&] {
      TableFile table = open(bytes);
      table.for_each([](std::string_view, std::span<const std::byte>) {});
    });
  }

  TemporaryFolder folder_;
};

// The golden checkpoint written anew by LevelDB, compressed and with other block sizes.
TEST_F(TableFileTest, reads_what_leveldb_writes_with_and_without_snappy) {
  leveldb::Options options;
  leveldb::RandomAccessFile* opened_file = nullptr;
  const std::string golden = golden_path("tf_v1_partitioned.ckpt");
  ASSERT_TRUE(options.env->NewRandomAccessFile(golden, &opened_file).ok());
  const std::unique_ptr<leveldb::RandomAccessFile> file(opened_file);
  leveldb::Table* opened_table = nullptr;
  ASSERT_TRUE(
      leveldb::Table::Open(options, file.get(), std::filesystem::file_size(golden), &opened_table)
          .ok());
  const std::unique_ptr<leveldb::Table> table(opened_table);

  for (const auto compression : {leveldb::kNoCompression, leveldb::kSnappyCompression}) {
    for (const std::size_t block_size : {1U, 300U, 100'000U}) {
      options.compression = compression;
      options.block_size = block_size;
      options.block_restart_interval = block_size == 300 ? 1 : 16;
      const std::string copy = folder_ / "copy.ckpt";
      leveldb::WritableFile* opened_copy = nullptr;
      ASSERT_TRUE(options.env->NewWritableFile(copy, &opened_copy).ok());
      const std::unique_ptr<leveldb::WritableFile> copy_file(opened_copy);
      leveldb::TableBuilder builder(options, copy_file.get());
      const std::unique_ptr<leveldb::Iterator> entries(table->NewIterator(leveldb::ReadOptions()));
      for (entries->SeekToFirst(); entries->Valid(); entries->Next()) {
        builder.Add(entries->key(), entries->value());
      }
      ASSERT_TRUE(builder.Finish().ok());
      ASSERT_TRUE(copy_file->Close().ok());
      const auto source = open_tf_checkpoint(copy);
      expect_golden_network(*source);
    }
  }
}

TEST_F(TableFileTest, finds_keys_in_any_order) {
  TableText text;
  text.add_to_index("c", text.add_block(TableText::entry("", "0") + TableText::entry("b", "1")));
  text.add_to_index("e", text.add_block(TableText::entry("d", "2") + TableText::entry("e", "3")));
  TableFile table = open(text.finish());
  const auto value = [&](std::string_view key) {
    const auto found = table.find(key);
    return found ? std::string(as_text(*found)) : std::string("none");
  };
  EXPECT_EQ(value("e"), "3");
  EXPECT_EQ(value("e"), "3");
  EXPECT_EQ(value("d"), "2");
  EXPECT_EQ(value(""), "0");
  EXPECT_EQ(value(""), "0");
  EXPECT_EQ(value("a"), "none");
  EXPECT_EQ(value("b"), "1");
  EXPECT_EQ(value("c"), "none");
  EXPECT_EQ(value("f"), "none");
  EXPECT_EQ(value("d"), "2");
}

// With both, LevelDB 1.23 crashes: it adds 5 to the size, and it allocates before it compares.
TEST_F(TableFileTest, refuses_footers_whose_index_has_an_impossible_size) {
  for (const std::uint64_t size_bytes :
       {~std::uint64_t{0}, ~std::uint64_t{2}, std::uint64_t{1} << 40, std::uint64_t{13}}) {
    TableText text;
    text.add_block("");
    expect_corrupt(text.finish_with_index({0, size_bytes}),
                   "it reaches beyond the end of the file");
  }
  expect_corrupt(TableText().finish_with_index({~std::uint64_t{0}, 1}), "beyond the end");
  expect_corrupt(TableText().finish_with_index({0, 0}), "beyond the end");
}

TEST_F(TableFileTest, refuses_files_that_are_no_tables) {
  for (const std::string& bytes : {std::string("x"), std::string(47, 'x'), std::string(48, 'x')}) {
    expect_error(ErrorClass::kUnsupported, "does not end with a table's footer",
                 [&] { open(bytes); });
  }
  std::string footer(40, '\xff');
  expect_corrupt(footer + "\x57\xfb\x80\x8b\x24\x75\x47\xdb", "the place of a block is damaged");
}

TEST_F(TableFileTest, notices_any_changed_byte_of_a_block) {
  const std::string good = TableText::of({{"", "0"}, {"b", "12345"}});
  open(good).for_each([](std::string_view, std::span<const std::byte>) {});
  for (std::size_t i = 0; i + 48 < good.size(); ++i) {
    std::string bad = good;
    bad[i] = static_cast<char>(bad[i] ^ 0x10);
    expect_corrupt(bad, "its checksum is wrong; download the file again");
  }
}

TEST_F(TableFileTest, refuses_blocks_that_overlap) {
  TableText twice;
  const auto block = twice.add_block(TableText::entry("", "0"));
  twice.add_to_index("a", block);
  twice.add_to_index("b", block);
  expect_corrupt(twice.finish(), "it overlaps the block before it");

  // An index that lists itself as a block of data.
  TableText self;
  self.add_to_index("a", {0, 100});
  expect_corrupt(self.finish(), "damaged block");
}

TEST_F(TableFileTest, refuses_damaged_entries) {
  const auto table_with = [](const std::string& entries) {
    TableText text;
    text.add_to_index("z", text.add_block(entries));
    return text.finish();
  };
  expect_corrupt(table_with(varint(1) + varint(0) + varint(0)), "the entry at its byte 0");
  expect_corrupt(table_with(varint(0) + varint(100) + varint(0) + "a"), "the entry at its byte 0");
  expect_corrupt(table_with(varint(0) + varint(1) + varint(100) + "a"), "the entry at its byte 0");
  expect_corrupt(table_with(varint(0) + varint(~std::uint64_t{0}) + varint(2) + "a"),
                 "the entry at its byte 0");
  expect_corrupt(table_with(varint(0) + varint(1) + varint(~std::uint64_t{0}) + "a"),
                 "the entry at its byte 0");
  expect_corrupt(table_with(std::string(11, '\xff')), "the entry at its byte 0");
  expect_corrupt(table_with(TableText::entry("a", "x") + "\xff"), "the entry at its byte 5");
  // Three bytes that repeat a key of 4 kB and add to it, again and again.
  expect_corrupt(table_with(TableText::entry(std::string(4096, 'a'), "") + varint(4096) +
                            varint(1) + varint(0) + "b"),
                 "is longer than 4096 bytes");
}

TEST_F(TableFileTest, limits_the_keys_of_the_index) {
  TableText text;
  const auto block = text.add_block("");
  std::string index =
      TableText::entry(std::string(4096, 'a'), varint(block.first) + varint(block.second));
  std::uint64_t end = block.first + block.second + 5;
  for (int i = 0; i < 5000; ++i) {
    const auto next = text.add_block("");
    EXPECT_EQ(next.first, end);
    end += next.second + 5;
    const std::string place = varint(next.first) + varint(next.second);
    index += varint(4096) + varint(0) + varint(place.size()) + place;
  }
  const auto handle = text.add_block(index);
  expect_corrupt(text.finish_with_index(handle), "the keys of the index are too long");
}

TEST_F(TableFileTest, refuses_impossible_restart_points) {
  for (const std::string& bytes :
       {std::string(), std::string("\1\0\0", 3), std::string("\1\0\0\0", 4),
        std::string("\xff\xff\xff\xff", 4)}) {
    TableText text;
    text.add_to_index("z", text.add_raw_block(bytes));
    expect_corrupt(text.finish(), "damaged block");
  }
}

TEST_F(TableFileTest, refuses_compression_that_lies) {
  const auto compressed = [](const std::string& bytes, char method) {
    TableText text;
    text.add_to_index("z", text.add_raw_block(bytes, method));
    return text.finish();
  };
  // 4 GiB out of a few bytes; nothing; a copy from before the beginning.
  expect_corrupt(compressed(varint(0xffffffff) + "abc", 1),
                 "its uncompressed length is impossible");
  expect_corrupt(compressed("", 1), "its uncompressed length is impossible");
  expect_corrupt(compressed(varint(8) + "\x1e\x08", 1), "it cannot be uncompressed");
  expect_error(ErrorClass::kUnsupported, "is compressed with method 2",
               [&] { open(compressed("abc", 2)).find("a"); });
}

TEST(Crc32c, has_the_published_check_values) {
  const auto of = [](const std::string& bytes) { return crc32c(std::as_bytes(std::span(bytes))); };
  EXPECT_EQ(of("123456789"), 0xe3069283U);
  EXPECT_EQ(of(std::string(32, '\0')), 0x8a9136aaU);  // RFC 3720, B.4
  EXPECT_EQ(of(std::string(32, '\xff')), 0x62a8ab43U);
  EXPECT_EQ(of(""), 0U);
}

}  // namespace
}  // namespace vggroove::weights::testing

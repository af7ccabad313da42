#include <gtest/gtest.h>

#include <cstring>
#include <string>

#include "tests/support/expect_error.h"
#include "tests/support/temporary_folder.h"
#include "tests/weights/golden.h"
#include "weights/zip_reader.h"
#include "weights/zip_writer.h"

namespace vggroove::weights {
namespace {

using vggroove::testing::expect_error;
using vggroove::testing::TemporaryFolder;
using weights::testing::contents;
using weights::testing::golden;
using weights::testing::put;

std::span<const std::byte> bytes(const std::string& text) {
  return std::as_bytes(std::span(text));
}

std::string text_of(const ZipReader& zip, const std::string& name) {
  const std::vector<std::byte> member = zip.read(*zip.find(name));
  return {reinterpret_cast<const char*>(member.data()), member.size()};
}

void put_u32(std::string& zip, std::size_t at, std::uint32_t value) {
  std::memcpy(zip.data() + at, &value, 4);
}

// Where the directory's entry number `index` begins.
std::size_t directory_entry(const std::string& zip, int index) {
  std::size_t at = zip.find("PK\x01\x02");
  for (; index > 0; --index) {
    at = zip.find("PK\x01\x02", at + 4);
  }
  return at;
}

TEST(ZipWriter, writes_members_that_are_read_back) {
  const TemporaryFolder folder;
  ZipWriter writer(folder / "x.zip");
  writer.begin_member("first", 6);
  writer.append(bytes("abc"));
  writer.append({});  // must not disturb the checksum
  writer.append(bytes("def"));
  writer.begin_member("folder/nothing", 0);
  writer.append({});
  writer.begin_member("folder/l\u00e4st", 1);
  writer.append(bytes("z"));
  writer.commit();
  const ZipReader zip(folder / "x.zip");
  ASSERT_EQ(zip.members().size(), 3u);
  EXPECT_EQ(zip.members()[0].name, "first");
  EXPECT_EQ(text_of(zip, "first"), "abcdef");
  EXPECT_EQ(text_of(zip, "folder/nothing"), "");
  EXPECT_EQ(text_of(zip, "folder/l\u00e4st"), "z");
  EXPECT_EQ(zip.find("second"), nullptr);
  EXPECT_EQ(contents(folder / "x.zip").find("abcdef") % 64, 0u);
}

TEST(ZipWriter, checks_the_sizes_that_it_was_told) {
  const TemporaryFolder folder;
  {
    ZipWriter writer(folder / "x.zip");
    expect_error(ErrorClass::kUsage, "more bytes", [&] { writer.append(bytes("a")); });
    writer.begin_member("a", 2);
    expect_error(ErrorClass::kUsage, "more bytes", [&] { writer.append(bytes("abc")); });
    writer.append(bytes("a"));
    expect_error(ErrorClass::kUsage, "1 bytes of member a are missing", [&] { writer.commit(); });
  }
  EXPECT_FALSE(std::filesystem::exists(folder / "x.zip"));
}

TEST(ZipReader, names_what_is_no_zip) {
  const TemporaryFolder folder;
  expect_error(ErrorClass::kNotFound, "missing", [&] { ZipReader(folder / "missing"); });
  put(folder / "empty", "");
  expect_error(ErrorClass::kEmpty, "empty", [&] { ZipReader(folder / "empty"); });
  put(folder / "text", std::string(1000, 'x'));
  expect_error(ErrorClass::kCorrupt, "not a zip file", [&] { ZipReader(folder / "text"); });
  const std::string good = contents(golden("deflated.npz"));
  for (const std::size_t length : {good.size() / 2, good.size() - 1}) {
    put(folder / "cut", std::string_view(good).substr(0, length));
    expect_error(ErrorClass::kCorrupt, "cut: ", [&] { ZipReader(folder / "cut"); });
  }
}

TEST(ZipReader, refuses_members_that_lie_about_their_size) {
  const TemporaryFolder folder;
  ZipWriter writer(folder / "x.zip");
  writer.begin_member("a", 1000);
  writer.append(bytes(std::string(1000, 'a')));
  writer.begin_member("b", 1000);
  writer.append(bytes(std::string(1000, 'b')));
  writer.commit();
  const std::string good = contents(folder / "x.zip");
  const std::size_t first = directory_entry(good, 0), second = directory_entry(good, 1);
  const auto expect_refused = [&](const std::string& zip, const std::string& words) {
    put(folder / "bad.zip", zip);
    expect_error(ErrorClass::kCorrupt, words, [&] {
      const ZipReader reader(folder / "bad.zip");
      for (const ZipReader::Member& member : reader.members()) {
        reader.read(member);
      }
    });
  };

  std::string zip = good;  // stored, two sizes
  put_u32(zip, first + 24, 999);
  expect_refused(zip, "its two sizes differ");

  zip = good;  // one member twice over the whole file
  for (const std::size_t entry : {first, second}) {
    put_u32(zip, entry + 20, static_cast<std::uint32_t>(good.size() - 100));
    put_u32(zip, entry + 24, static_cast<std::uint32_t>(good.size() - 100));
  }
  expect_refused(zip, "together larger than the file");

  zip = good;  // deflated, 4 GB out of 1000 bytes
  zip[first + 10] = 8;
  put_u32(zip, first + 24, 0xfffffff0);
  expect_refused(zip, "more than its 1000 compressed bytes can hold");

  zip = good;  // the same name
  zip[second + 46] = 'a';
  expect_refused(zip, "two members are called \"a\"");

  zip = good;  // a flipped byte
  zip[good.find("aaaaaaaa") + 500] = 'x';
  expect_refused(zip, "member \"a\" is damaged: CRC error");
}

TEST(ZipReader, notices_deflated_data_that_end_early_or_late) {
  const TemporaryFolder folder;
  const std::string good = contents(golden("deflated.npz"));
  const std::size_t entry = directory_entry(good, 0);
  std::uint32_t size = 0;
  std::memcpy(&size, good.data() + entry + 24, 4);
  for (const int difference : {-1, 1}) {
    std::string zip = good;
    put_u32(zip, entry + 24, size + static_cast<std::uint32_t>(difference));
    put(folder / "bad.zip", zip);
    expect_error(ErrorClass::kCorrupt, "is damaged", [&] {
      const ZipReader reader(folder / "bad.zip");
      reader.read(reader.members()[0]);
    });
  }
}

TEST(ZipReader, limits_what_a_file_may_unpack_to) {
  // Each of two members claims 4 GB out of 5 MB, which deflate could just do.
  const TemporaryFolder folder;
  ZipWriter writer(folder / "x.zip");
  for (const char* name : {"a", "b"}) {
    writer.begin_member(name, 5'000'000);
    writer.append(std::vector<std::byte>(5'000'000));
  }
  writer.commit();
  std::string zip = contents(folder / "x.zip");
  for (const int index : {0, 1}) {
    const std::size_t entry = directory_entry(zip, index);
    zip[entry + 10] = 8;
    put_u32(zip, entry + 24, 0xfffffff0);
  }
  put(folder / "x.zip", zip);
  expect_error(ErrorClass::kUnsupported, "unpacks to more than 4 GiB",
               [&] { ZipReader(folder / "x.zip"); });
}

TEST(ZipReader, refuses_encrypted_members) {
  const TemporaryFolder folder;
  std::string zip = contents(golden("stored.npz"));
  zip[directory_entry(zip, 0) + 8] |= 1;
  put(folder / "x.zip", zip);
  expect_error(ErrorClass::kUnsupported, "is encrypted", [&] { ZipReader(folder / "x.zip"); });
}

}  // namespace
}  // namespace vggroove::weights

#include "train/manifest.h"

#include <gtest/gtest.h>
#include <unistd.h>

#include <filesystem>
#include <fstream>
#include <string>
#include <vector>

#include "tests/support/expect_error.h"
#include "tests/support/temporary_folder.h"

namespace vggroove {
namespace {

namespace fs = std::filesystem;
using testing::expect_error;
using testing::TemporaryFolder;

void write(const fs::path& path, const std::string& text) {
  fs::create_directories(path.parent_path());
  std::ofstream(path, std::ios::binary) << text;
}

std::vector<LabelledFile> parse(const std::string& text, const std::string& group_column = "") {
  return parse_manifest(text, "sets/gtzan.csv", group_column);
}

TEST(Manifest, reads_paths_labels_groups_and_splits) {
  const auto files = parse(
      "path,label,group,split\n"
      "blues/1.wav,blues,Robert Johnson,train\n"
      "/music/2.flac,jazz,,\n"
      "../3.mp3,jazz,Trio,Validation\n");
  ASSERT_EQ(files.size(), 3u);
  EXPECT_EQ(files[0].path, "sets/blues/1.wav");
  EXPECT_EQ(files[0].label, "blues");
  EXPECT_EQ(files[0].group, "Robert Johnson");
  EXPECT_EQ(files[0].split, "train");
  EXPECT_EQ(files[1].path, "/music/2.flac");
  EXPECT_EQ(files[1].group, "");
  EXPECT_EQ(files[1].split, "");
  EXPECT_EQ(files[2].path, "3.mp3");
  EXPECT_EQ(files[2].split, "valid");
}

TEST(Manifest, follows_rfc_4180_and_takes_byte_order_marks_and_any_line_end) {
  const std::string rows =
      "\"a, \"\"b\"\".wav\",rock\r\n"
      "\r\n"
      "\"two\nlines.wav\",\"drum & bass\"\n"
      "last.wav, hip hop ";
  for (const std::string start :
       {"\xEF\xBB\xBFpath,label\r\n", "\"path\", Label\r", "path,LABEL\n"}) {
    const auto files = parse(start + rows);
    ASSERT_EQ(files.size(), 3u);
    EXPECT_EQ(files[0].path, "sets/a, \"b\".wav");
    EXPECT_EQ(files[1].path, "sets/two\nlines.wav");
    EXPECT_EQ(files[1].label, "drum & bass");
    EXPECT_EQ(files[2].label, "hip hop");
  }
}

TEST(Manifest, ignores_other_columns_and_takes_the_group_column_by_name) {
  const std::string text = "year,label,path,artist,group\n1961,jazz,a.wav,Trane,g\n";
  EXPECT_EQ(parse(text).at(0).group, "g");
  EXPECT_EQ(parse(text, "artist").at(0).group, "Trane");
  EXPECT_EQ(parse("path,label\na.wav,jazz\n").at(0).group, "");
}

TEST(Manifest, names_the_columns_that_it_found_where_one_is_missing) {
  expect_error(ErrorClass::kInvalid, "gtzan.csv:1: no column 'path'; ",
               [] { parse("file,label\na.wav,rock\n"); });
  expect_error(ErrorClass::kInvalid, "\"file\", \"label\"",
               [] { parse("file,label\na.wav,rock\n"); });
  expect_error(ErrorClass::kInvalid, "no column 'label'", [] { parse("path\na.wav\n"); });
  expect_error(ErrorClass::kInvalid, "separated by commas) and has \"path;label\"",
               [] { parse("path;label\na.wav;rock\n"); });
  expect_error(ErrorClass::kInvalid, "no column 'artist'",
               [] { parse("path,label,group\na.wav,rock,x\n", "artist"); });
  expect_error(ErrorClass::kInvalid, "two columns are called 'path'",
               [] { parse("path,label,Path\na.wav,rock,x\n"); });
}

TEST(Manifest, names_the_line_of_what_is_wrong) {
  const std::string start = "path,label,split\n\"first\nsecond.wav\",rock,test\n";  // lines 1 to 3
  expect_error(ErrorClass::kInvalid, "gtzan.csv:4: the label is empty",
               [&] { parse(start + "a.wav, ,\n"); });
  expect_error(ErrorClass::kInvalid, ":4: the path is empty", [&] { parse(start + ",rock,\n"); });
  expect_error(ErrorClass::kInvalid, ":4: 2 fields, but the first line names 3 columns",
               [&] { parse(start + "a.wav,rock\n"); });
  expect_error(ErrorClass::kInvalid, ":4: 4 fields", [&] { parse(start + "a,b.wav,rock,\n"); });
  expect_error(ErrorClass::kInvalid, ":4: the split \"dev\" is none of",
               [&] { parse(start + "a.wav,rock,dev\n"); });
  expect_error(ErrorClass::kInvalid, ":5: sets/a.wav stands on line 4 already",
               [&] { parse(start + "a.wav,rock,\n./x/../a.wav,jazz,\n"); });
  expect_error(ErrorClass::kInvalid, ":4: a quote that is never closed",
               [&] { parse(start + "\"a.wav,rock,\n\n\n"); });
  expect_error(ErrorClass::kInvalid, ":4: a quote inside a field",
               [&] { parse(start + "12\" mix.wav,rock,\n"); });
  expect_error(ErrorClass::kInvalid, ":4: text after the closing quote",
               [&] { parse(start + "\"a\".wav,rock,\n"); });
  expect_error(ErrorClass::kInvalid, ":4: the label \"a\\x0ab\" holds a line end",
               [&] { parse(start + "a.wav,\"a\nb\",\n"); });
  expect_error(ErrorClass::kInvalid, ":4: a zero byte",
               [&] { parse(start + std::string("a\0.wav,rock,\n", 13)); });
}

TEST(Manifest, of_no_files_is_an_error) {
  for (const char* text : {"", "\n\n", "path,label\n", "\xEF\xBB\xBF"}) {
    expect_error(ErrorClass::kEmpty, "lists no files", [&] { parse(text); });
  }
}

TEST(Manifest, on_the_disk_is_found_by_its_name) {
  const TemporaryFolder folder;
  write(folder / "set.csv", "path,label\nx/1.wav,rock\n");
  const auto files = read_labelled_files(folder / "set.csv");
  ASSERT_EQ(files.size(), 1u);
  EXPECT_EQ(files[0].path, folder / "x/1.wav");
  expect_error(ErrorClass::kNotFound, "nowhere.csv: does not exist",
               [&] { read_labelled_files(folder / "nowhere.csv"); });
}

TEST(GenreFolders, are_the_labels_of_the_files_below_them) {
  const TemporaryFolder folder;
  for (const char* name : {"rock/b.wav", "rock/disc 1/a.mp3", "jazz/j.flac", "jazz/notes.txt",
                           "pictures/rock.png", "README", ".hidden/x.wav"}) {
    write(folder / name, "x");
  }
  const auto files = read_labelled_files(folder.path());
  ASSERT_EQ(files.size(), 3u);
  EXPECT_EQ(files[0].path, folder / "jazz/j.flac");
  EXPECT_EQ(files[0].label, "jazz");
  EXPECT_EQ(files[1].path, folder / "rock/b.wav");
  EXPECT_EQ(files[2].path, folder / "rock/disc 1/a.mp3");
  EXPECT_EQ(files[2].label, "rock");
  EXPECT_EQ(read_labelled_files(folder.path() / "").size(), 3u) << "with a slash at the end";
}

TEST(GenreFolders, refuse_audio_beside_them_and_groups) {
  const TemporaryFolder folder;
  write(folder / "rock/b.wav", "x");
  expect_error(ErrorClass::kUsage, "a folder has no column 'artist'",
               [&] { read_labelled_files(folder.path(), "artist"); });
  write(folder / "stray.wav", "x");
  expect_error(ErrorClass::kInvalid, "stray.wav: this file lies outside the genre folders",
               [&] { read_labelled_files(folder.path()); });
  const TemporaryFolder empty;
  expect_error(ErrorClass::kEmpty, "no audio files", [&] { read_labelled_files(empty.path()); });
}

TEST(GenreFolders, that_may_not_be_listed_are_left_to_the_reader_to_report) {
  if (geteuid() == 0) {
    GTEST_SKIP() << "root may list every folder";
  }
  const TemporaryFolder folder;
  write(folder / "rock/b.wav", "x");
  write(folder / "jazz/c.wav", "x");
  fs::permissions(folder / "jazz", fs::perms::none);
  const auto files = read_labelled_files(folder.path());
  fs::permissions(folder / "jazz", fs::perms::owner_all);
  ASSERT_EQ(files.size(), 2u);
  EXPECT_EQ(files[0].path, folder / "jazz");
  EXPECT_EQ(files[0].label, "jazz");
  fs::permissions(folder.path(), fs::perms::none);
  expect_error(ErrorClass::kUnreadable, "cannot be listed",
               [&] { read_labelled_files(folder.path()); });
  fs::permissions(folder.path(), fs::perms::owner_all);
}

}  // namespace
}  // namespace vggroove

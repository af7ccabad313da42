#include "frontend/archive/walk.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <fstream>
#include <string>
#include <vector>

#include "frontend/audio/audio_reader.h"
#include "tests/support/expect_error.h"
#include "tests/support/ordinary_user.h"
#include "tests/support/temporary_folder.h"

namespace vggroove {
namespace {

using Paths = std::vector<std::filesystem::path>;

TEST(FindAudioFiles, walks_folders_in_a_stable_order_and_leaves_other_files_out) {
  testing::TemporaryFolder folder;
  std::filesystem::create_directories(folder / "b/.hidden");
  for (const char* name :
       {"b/2.mp3", "b/1.WAV", "a.flac", "notes.txt", "b/.hidden/x.wav", ".y.wav"}) {
    std::ofstream(folder / name) << "x";
  }
  const Paths arguments = {folder.path(), folder / "notes.txt", folder / "a.flac"};
  EXPECT_EQ(find_audio_files(arguments), (Paths{folder / "a.flac", folder / "b/1.WAV",
                                                folder / "b/2.mp3", folder / "notes.txt"}));
}

TEST(FindAudioFiles, passes_a_missing_path_on_to_the_reader) {
  const Paths arguments = {"/nowhere/song.mp3"};
  EXPECT_EQ(find_audio_files(arguments), arguments);
}

TEST(FindAudioFiles, knows_audio_by_the_end_of_its_name) {
  for (const char* name : {"a.wav", "a.WAV", "a.b.Flac", "x/a.opus", "a.mp3", "a.rf64", "ä.ogg"}) {
    EXPECT_TRUE(has_audio_extension(name)) << name;
  }
  for (const char* name : {"a", "wav", ".wav", "a.wav.part", "a.wavx", "a.m3u", "x.mp3/a", ""}) {
    EXPECT_FALSE(has_audio_extension(name)) << name;
  }
}

TEST(FindAudioFiles, is_not_caught_in_links) {
  testing::TemporaryFolder folder;
  const auto& path = folder.path();
  std::filesystem::create_directories(folder / "a/b.wav");
  std::ofstream(folder / "a/song.wav") << "x";
  std::filesystem::create_directory_symlink(path, folder / "a/b.wav/up");
  std::filesystem::create_directory_symlink(path, folder / "a/up.wav");
  std::filesystem::create_symlink("loop.wav", folder / "a/loop.wav");
  std::filesystem::create_symlink("nowhere.wav", folder / "a/broken.wav");
  std::filesystem::create_symlink("song.wav", folder / "a/same.wav");
  EXPECT_EQ(find_audio_files(Paths{path}), (Paths{folder / "a/broken.wav", folder / "a/loop.wav",
                                                  folder / "a/same.wav", folder / "a/song.wav"}));
  // A link that the user names is followed.
  EXPECT_EQ(find_audio_files(Paths{folder / "a/up.wav"}).size(), 4u);
}

TEST(FindAudioFiles, keeps_one_of_a_file_named_twice) {
  testing::TemporaryFolder folder;
  std::ofstream(folder / "song.wav") << "x";
  const auto before = std::filesystem::current_path();
  std::filesystem::current_path(folder.path());
  EXPECT_EQ(find_audio_files(Paths{"song.wav", "./song.wav", ".", folder.path(), "x/../song.wav"}),
            (Paths{"song.wav"}));
  std::filesystem::current_path(before);
}

TEST(FindAudioFiles, passes_a_folder_that_may_not_be_listed_on_to_the_reader) {
  testing::TemporaryFolder folder;
  std::filesystem::create_directories(folder / "b-locked");
  std::ofstream(folder / "a.wav") << "x";
  std::ofstream(folder / "c.wav") << "x";
  std::filesystem::permissions(folder.path(), std::filesystem::perms{0755});
  std::filesystem::permissions(folder / "b-locked", std::filesystem::perms::none);
  const testing::OrdinaryUser not_root;
  const Paths expected = {folder / "a.wav", folder / "b-locked", folder / "c.wav"};
  EXPECT_EQ(find_audio_files(Paths{folder.path()}), expected);
  EXPECT_EQ(find_audio_files(Paths{folder / "b-locked"}), Paths{folder / "b-locked"});
  testing::expect_error(ErrorClass::kUnreadable, "b-locked: cannot be opened: Permission denied",
                        [&] { AudioReader(folder / "b-locked"); });
}

TEST(FindAudioFiles, sorts_thousands_of_files_as_paths_sort) {
  testing::TemporaryFolder folder;
  Paths expected;
  for (int directory = 0; directory < 40; ++directory) {
    // "a-1" sorts before "a/..." as bytes, behind it as a path.
    std::string name = directory % 2 == 0 ? "a" : "a-";
    name += std::to_string(directory);
    const auto album = folder / name;
    std::filesystem::create_directories(album / "cd");
    for (int file = 0; file < 100; ++file) {
      const auto song = std::to_string(file * 7919 % 1000) + ".mp3";
      expected.push_back(file % 3 == 0 ? album / "cd" / song : album / song);
      std::ofstream(expected.back()) << "x";
    }
  }
  std::sort(expected.begin(), expected.end());
  EXPECT_EQ(find_audio_files(Paths{folder.path()}), expected);
}

TEST(FindAudioFiles, refuses_a_folder_without_audio) {
  testing::TemporaryFolder folder;
  std::ofstream(folder / "notes.txt") << "x";
  testing::expect_error(ErrorClass::kEmpty, "no audio files",
                        [&] { find_audio_files(Paths{folder.path()}); });
}

}  // namespace
}  // namespace vggroove

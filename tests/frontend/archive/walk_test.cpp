#include "frontend/archive/walk.h"

#include <gtest/gtest.h>

#include <fstream>
#include <vector>

#include "tests/support/expect_error.h"
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

TEST(FindAudioFiles, refuses_a_folder_without_audio) {
  testing::TemporaryFolder folder;
  std::ofstream(folder / "notes.txt") << "x";
  testing::expect_error(ErrorClass::kEmpty, "no audio files",
                        [&] { find_audio_files(Paths{folder.path()}); });
}

}  // namespace
}  // namespace vggroove

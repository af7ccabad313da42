#pragma once

#include <filesystem>
#include <span>
#include <vector>

namespace vggroove {

// The audio files behind what a user names: a file stands for itself (whatever its name ends in),
// a directory for every file below it whose name ends like audio (.wav .flac .ogg .oga .opus .mp3
// .mp2 .aif .aiff .aifc .au .snd .w64 .rf64 .caf), hidden files and directories left out, links to
// directories not followed (so that no loop can catch us). Sorted by path within each argument,
// the arguments in their order, duplicates kept once.
// What cannot be read is passed on, so that the reader reports it as that path's error and the
// user hears of it: paths that do not exist, broken links, directories that may not be listed.
// Throws Error(kEmpty) for a directory without audio.
std::vector<std::filesystem::path> find_audio_files(std::span<const std::filesystem::path> paths);

bool has_audio_extension(const std::filesystem::path& path);

}  // namespace vggroove

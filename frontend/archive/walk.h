#pragma once

#include <filesystem>
#include <span>
#include <vector>

namespace vggroove {

// The audio files behind what a user names: a file stands for itself (whatever its name ends in),
// a directory for every file below it whose name ends like audio (.wav .flac .ogg .oga .opus .mp3
// .aif .aiff .aifc .au .snd .w64 .rf64 .caf), hidden files left out, links to directories not
// followed. Sorted by path within each argument, the arguments in their order, duplicates kept
// once. Throws Error(kEmpty) for a directory without audio. A path that does not exist is passed
// on: the reader reports it as that file's error.
std::vector<std::filesystem::path> find_audio_files(std::span<const std::filesystem::path> paths);

bool has_audio_extension(const std::filesystem::path& path);

}  // namespace vggroove

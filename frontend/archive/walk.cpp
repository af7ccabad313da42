#include "frontend/archive/walk.h"

#include <algorithm>
#include <array>
#include <cctype>
#include <set>
#include <string>
#include <string_view>

#include "base/error.h"

namespace vggroove {
namespace fs = std::filesystem;

bool has_audio_extension(const fs::path& path) {
  static constexpr std::array<std::string_view, 14> kExtensions = {
      ".wav",  ".flac", ".ogg", ".oga", ".opus", ".mp3",  ".aif",
      ".aiff", ".aifc", ".au",  ".snd", ".w64",  ".rf64", ".caf"};
  std::string extension = path.extension().string();
  std::transform(extension.begin(), extension.end(), extension.begin(),
                 [](unsigned char c) { return static_cast<char>(std::tolower(c)); });
  return std::find(kExtensions.begin(), kExtensions.end(), extension) != kExtensions.end();
}

namespace {

bool is_hidden(const fs::path& path) {
  return path.filename().string().starts_with('.');
}

std::vector<fs::path> audio_files_below(const fs::path& directory) {
  std::vector<fs::path> found;
  try {
    for (auto entry = fs::recursive_directory_iterator(
             directory, fs::directory_options::skip_permission_denied);
         entry != fs::recursive_directory_iterator(); ++entry) {
      if (is_hidden(entry->path())) {
        entry.disable_recursion_pending();
      } else if (has_audio_extension(entry->path()) && !entry->is_directory()) {
        found.push_back(entry->path());
      }
    }
  } catch (const fs::filesystem_error& error) {
    throw Error(ErrorClass::kUnreadable,
                directory.string() + ": cannot list the directory: " + error.code().message());
  }
  if (found.empty()) {
    throw Error(ErrorClass::kEmpty, directory.string() +
                                        ": no audio files in this directory (looked for names "
                                        "ending in .wav, .flac, .ogg, .opus, .mp3, .aiff, ...)");
  }
  std::sort(found.begin(), found.end());
  return found;
}

}  // namespace

std::vector<fs::path> find_audio_files(std::span<const fs::path> paths) {
  std::vector<fs::path> files;
  std::set<fs::path> seen;
  for (const fs::path& path : paths) {
    std::error_code unreadable_is_the_readers_business;
    const bool is_directory = fs::is_directory(path, unreadable_is_the_readers_business);
    for (const fs::path& file : is_directory ? audio_files_below(path) : std::vector{path}) {
      if (seen.insert(file.lexically_normal()).second) {
        files.push_back(file);
      }
    }
  }
  return files;
}

}  // namespace vggroove

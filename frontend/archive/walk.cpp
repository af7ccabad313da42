#include "frontend/archive/walk.h"

#include <algorithm>
#include <array>
#include <cctype>
#include <string>
#include <string_view>
#include <system_error>
#include <unordered_set>

#include "base/error.h"

namespace vggroove {
namespace fs = std::filesystem;

bool has_audio_extension(const fs::path& path) {
  static constexpr std::array<std::string_view, 15> kExtensions = {
      ".wav",  ".flac", ".ogg", ".oga", ".opus", ".mp3",  ".mp2", ".aif",
      ".aiff", ".aifc", ".au",  ".snd", ".w64",  ".rf64", ".caf"};
  std::string extension = path.extension().string();
  std::transform(extension.begin(), extension.end(), extension.begin(),
                 [](unsigned char c) { return static_cast<char>(std::tolower(c)); });
  return std::find(kExtensions.begin(), kExtensions.end(), extension) != kExtensions.end();
}

namespace {

// Appends in the order of paths: names sorted within each directory, subdirectories in their place.
void append_audio_files_below(const fs::path& directory, std::vector<fs::path>& found) {
  std::error_code error;
  std::vector<fs::directory_entry> entries;
  for (auto entry = fs::directory_iterator(directory, error);
       !error && entry != fs::directory_iterator(); entry.increment(error)) {
    if (!entry->path().filename().native().starts_with('.')) {
      entries.push_back(*entry);
    }
  }
  if (error) {
    found.push_back(directory);  // the reader says why it cannot be read
    return;
  }
  std::sort(entries.begin(), entries.end(), [](const auto& a, const auto& b) {
    return a.path().filename().native() < b.path().filename().native();
  });
  for (const fs::directory_entry& entry : entries) {
    std::error_code broken_link;  // is the reader's business
    const bool is_link = entry.is_symlink(broken_link);
    const bool is_directory = entry.is_directory(broken_link);
    if (is_directory && !is_link) {
      append_audio_files_below(entry.path(), found);
    } else if (!is_directory && has_audio_extension(entry.path())) {
      found.push_back(entry.path());
    }
  }
}

std::vector<fs::path> audio_files_below(const fs::path& directory) {
  std::vector<fs::path> found;
  append_audio_files_below(directory, found);
  if (found.empty()) {
    throw Error(ErrorClass::kEmpty, directory.string() +
                                        ": no audio files in this directory (looked for names "
                                        "ending in .wav, .flac, .ogg, .opus, .mp3, .aiff, ...)");
  }
  return found;
}

}  // namespace

std::vector<fs::path> find_audio_files(std::span<const fs::path> paths) {
  const fs::path working_directory = fs::current_path();
  std::vector<fs::path> files;
  std::unordered_set<std::string> seen;
  for (const fs::path& path : paths) {
    std::error_code unreadable_is_the_readers_business;
    const bool is_directory = fs::is_directory(path, unreadable_is_the_readers_business);
    for (fs::path& file : is_directory ? audio_files_below(path) : std::vector{path}) {
      if (seen.insert((working_directory / file).lexically_normal().string()).second) {
        files.push_back(std::move(file));
      }
    }
  }
  return files;
}

}  // namespace vggroove

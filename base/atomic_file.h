#pragma once

#include <cstddef>
#include <filesystem>
#include <span>
#include <string>
#include <string_view>

namespace vggroove {

// Writes a file so that a reader sees either the whole new one or the whole old one. Bytes go to a
// temporary file in the same folder; commit() flushes it to the disk and renames it over `path`.
// Destroyed without commit(), the temporary is removed and the old file is untouched.
// Throws Error(kIo) naming `path` and the system's reason (disk full, no permission, ...).
class AtomicFile {
 public:
  explicit AtomicFile(std::filesystem::path path);
  ~AtomicFile();
  AtomicFile(const AtomicFile&) = delete;
  AtomicFile& operator=(const AtomicFile&) = delete;

  void write(std::span<const std::byte> bytes);
  void write(std::string_view text);
  void commit();

  const std::filesystem::path& temporary_path() const { return temporary_path_; }

 private:
  [[noreturn]] void fail(const char* action) const;

  std::filesystem::path path_;
  std::filesystem::path temporary_path_;
  int descriptor_ = -1;
};

// Removes the temporaries that killed processes left when they were writing `path`. Not while
// another process writes it.
void remove_abandoned_temporaries(const std::filesystem::path& path);

void write_file_atomically(const std::filesystem::path& path, std::string_view text);

}  // namespace vggroove

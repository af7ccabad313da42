#pragma once

#include <cstddef>
#include <cstdint>
#include <filesystem>
#include <span>
#include <string>

namespace vggroove::weights {

// PATH.part: a download that is not complete yet, and survives the program. PATH.part.source beside
// it says from where and which version of the file it is. One process at a time has it open.
// Throws Error(kIo) naming the file and the system's reason.
class PartFile {
 public:
  // Opens or makes it. Throws Error(kIo) where another process has it open.
  explicit PartFile(std::filesystem::path complete_path);
  ~PartFile();  // leaves it there, unless it is empty
  PartFile(const PartFile&) = delete;
  PartFile& operator=(const PartFile&) = delete;

  const std::filesystem::path& path() const { return path_; }
  std::uint64_t size_bytes() const { return size_bytes_; }
  const std::string& validator() const { return validator_; }

  // Whether there is something to continue, of which it is known what it was.
  bool can_continue(const std::string& source) const {
    return size_bytes_ > 0 && !validator_.empty() && source == source_;
  }
  // Empties it. `source`: one line that stands for the URL; `validator`: one line, see http_get.h.
  void restart(const std::string& source, const std::string& validator);
  void append(std::span<const std::byte> bytes);
  void commit();  // flushes it to the disk and renames it to the complete file's path
  void remove();

 private:
  [[noreturn]] void fail(const char* action) const;
  void open();
  void read_source();

  std::filesystem::path complete_path_;
  std::filesystem::path path_;
  std::filesystem::path source_path_;
  int descriptor_ = -1;
  std::uint64_t size_bytes_ = 0;
  std::string source_;
  std::string validator_;
  bool is_committed_ = false;
};

}  // namespace vggroove::weights

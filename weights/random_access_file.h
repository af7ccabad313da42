#pragma once

#include <cstddef>
#include <cstdint>
#include <filesystem>
#include <span>

namespace vggroove::weights {

// A file opened for reading at any offset: what the parsers of foreign formats stand on. Every read
// is checked against the size that the file had on opening.
class RandomAccessFile {
 public:
  // Throws Error: kNotFound, kUnreadable (permission, a folder, a pipe), kEmpty.
  explicit RandomAccessFile(std::filesystem::path path);
  ~RandomAccessFile();
  RandomAccessFile(RandomAccessFile&& other) noexcept;
  RandomAccessFile& operator=(RandomAccessFile&& other) noexcept;

  const std::filesystem::path& path() const { return path_; }
  std::uint64_t size_bytes() const { return size_bytes_; }

  // Fills `out` from byte `offset`. Throws Error: kCorrupt where the file is too short (or shrank),
  // kIo where the system reports a reason. Safe to call from several threads.
  void read(std::uint64_t offset, std::span<std::byte> out) const;

 private:
  std::filesystem::path path_;
  std::uint64_t size_bytes_ = 0;
  int descriptor_ = -1;
};

}  // namespace vggroove::weights

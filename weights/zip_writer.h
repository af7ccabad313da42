#pragma once

#include <cstddef>
#include <cstdint>
#include <filesystem>
#include <span>
#include <string>
#include <vector>

#include "base/atomic_file.h"

namespace vggroove::weights {

// Writes a zip of stored (uncompressed) members in pieces and atomically. libzip cannot do either:
// it wants a member's bytes at the end and replaces the file itself. Members begin at multiples of
// 64 bytes, as PyTorch's and aligned readers of NumPy's arrays like it; larger than 4 GiB is fine
// (zip64). Times are fixed, so that equal contents make equal files.
class ZipWriter {
 public:
  explicit ZipWriter(const std::filesystem::path& path);  // throws Error(kIo)

  // Members follow each other; each gets exactly `size_bytes` bytes, else Error(kUsage).
  void begin_member(const std::string& name, std::uint64_t size_bytes);
  void append(std::span<const std::byte> bytes);
  void commit();

 private:
  struct Member {
    std::string name;
    std::uint64_t size_bytes;
    std::uint64_t begin_byte;  // of its local header
    std::uint32_t crc;
  };
  void write(const std::string& bytes);
  void end_member();
  std::string directory_entry(const Member& member) const;

  std::filesystem::path path_;
  AtomicFile file_;
  std::uint64_t position_ = 0;
  std::uint64_t member_left_bytes_ = 0;
  bool in_member_ = false;
  std::vector<Member> members_;
};

}  // namespace vggroove::weights

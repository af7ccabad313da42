#pragma once

#include <cstddef>
#include <cstdint>
#include <filesystem>
#include <memory>
#include <span>
#include <string>
#include <vector>

namespace vggroove::weights {

// A zip file opened for reading, with the limits that a stranger's file needs: members are stored
// or deflated, and a member's declared size is possible for its compressed size (deflate cannot
// exceed 1032 : 1). What all deflated members unpack to is limited to 4 GiB. Not for several
// threads.
class ZipReader {
 public:
  struct Member {
    std::string name;
    std::uint64_t size_bytes = 0;  // unpacked, as declared
    std::uint64_t index = 0;       // in the zip's directory
  };

  // Throws Error: kNotFound, kUnreadable, kEmpty, kCorrupt (no zip, a size that cannot be, two
  // members of one name), kUnsupported (encrypted, another compression).
  explicit ZipReader(const std::filesystem::path& path);
  ~ZipReader();
  ZipReader(ZipReader&&) noexcept;
  ZipReader& operator=(ZipReader&&) noexcept;

  const std::filesystem::path& path() const;
  const std::vector<Member>& members() const;         // folders left out
  const Member* find(const std::string& name) const;  // null: not there

  // One member from its first byte on.
  class Stream {
   public:
    ~Stream();
    Stream(Stream&&) noexcept;
    std::uint64_t left_bytes() const;
    // Fills `out`. Throws Error(kCorrupt) where the member ends early or its checksum is wrong; the
    // latter is known once the last byte is read.
    void read(std::span<std::byte> out);

   private:
    friend class ZipReader;
    struct Impl;
    explicit Stream(std::unique_ptr<Impl> impl);
    std::unique_ptr<Impl> impl_;
  };
  Stream stream(const Member& member) const;
  std::vector<std::byte> read(const Member& member) const;

 private:
  struct Impl;
  std::unique_ptr<Impl> impl_;
};

}  // namespace vggroove::weights

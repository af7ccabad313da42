#pragma once

#include <cstddef>
#include <cstdint>
#include <filesystem>
#include <span>
#include <vector>

namespace vggroove {

// The bytes of one regular file behind a read-ahead buffer, for decoders that read through
// callbacks. A failing read acts as the end of the file (C callbacks must not throw) and is
// remembered: the decoder calls throw_if_read_failed() once it is out of the C library.
class AudioFile {
 public:
  // Throws Error kNotFound, kUnreadable, kUnsupported (a directory, pipe or device) or kEmpty.
  explicit AudioFile(const std::filesystem::path& path);
  ~AudioFile();
  AudioFile(const AudioFile&) = delete;
  AudioFile& operator=(const AudioFile&) = delete;

  // Bytes copied to `out`; fewer than asked only at the end of the file.
  std::size_t read(std::span<unsigned char> out);
  void seek(std::int64_t position_bytes) { position_bytes_ = position_bytes; }
  std::int64_t position_bytes() const { return position_bytes_; }
  std::int64_t size_bytes() const { return size_bytes_; }

  // Hides the first `count` bytes (a tag, junk): the byte behind them becomes position 0.
  void drop_front(std::int64_t count);

  void throw_if_read_failed() const;  // Error kIo
  const std::filesystem::path& path() const { return path_; }

 private:
  std::size_t read_from_disk(std::span<unsigned char> out, std::int64_t position_bytes);

  std::filesystem::path path_;
  int descriptor_ = -1;
  int read_errno_ = 0;
  std::int64_t hidden_bytes_ = 0;
  std::int64_t size_bytes_ = 0;  // without the hidden ones, as are all positions
  std::int64_t position_bytes_ = 0;
  std::vector<unsigned char> buffer_;
  std::int64_t buffer_begin_bytes_ = 0;  // position of buffer_[0]
  std::size_t buffered_bytes_ = 0;
};

}  // namespace vggroove

#include "frontend/audio/audio_file.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <string>
#include <system_error>

#include "base/error.h"

namespace vggroove {
namespace {

// MPEG decoders ask for a frame header, then its body: without read-ahead that is two system
// calls for 26 ms of sound.
constexpr std::size_t kReadAheadBytes = std::size_t{64} << 10;

std::string words_of(int error_number) {
  return std::generic_category().message(error_number);
}

}  // namespace

AudioFile::AudioFile(const std::filesystem::path& path) : path_(path) {
  // O_NONBLOCK: opening a pipe without a writer must not hang before it can be refused.
  descriptor_ = open(path.c_str(), O_RDONLY | O_CLOEXEC | O_NONBLOCK);
  if (descriptor_ < 0) {
    const int error_number = errno;
    if (error_number == ENOENT || error_number == ENOTDIR) {
      throw Error(ErrorClass::kNotFound, path.string() + ": no such file; check the path");
    }
    throw Error(ErrorClass::kUnreadable,
                path.string() + ": cannot be opened: " + words_of(error_number));
  }
  struct stat status = {};
  const bool known = fstat(descriptor_, &status) == 0;
  if (!known || !S_ISREG(status.st_mode) || status.st_size == 0) {
    close(descriptor_);
    if (!known) {
      throw Error(ErrorClass::kUnreadable, path.string() + ": cannot be examined");
    }
    if (S_ISDIR(status.st_mode)) {
      throw Error(ErrorClass::kUnsupported,
                  path.string() + ": is a directory, not an audio file; name the files in it");
    }
    if (!S_ISREG(status.st_mode)) {
      throw Error(ErrorClass::kUnsupported,
                  path.string() + ": is a pipe or a device; save the audio to a file first");
    }
    throw Error(ErrorClass::kEmpty, path.string() + ": the file has 0 bytes");
  }
  size_bytes_ = status.st_size;
}

AudioFile::~AudioFile() {
  close(descriptor_);
}

std::size_t AudioFile::read(std::span<unsigned char> out) {
  std::size_t done = 0;
  while (done < out.size()) {
    const std::int64_t offset = position_bytes_ - buffer_begin_bytes_;
    if (offset < 0 || offset >= static_cast<std::int64_t>(buffered_bytes_)) {
      buffer_.resize(kReadAheadBytes);
      buffer_begin_bytes_ = position_bytes_;
      buffered_bytes_ = read_from_disk(buffer_, position_bytes_);
      if (buffered_bytes_ == 0) {
        break;
      }
      continue;
    }
    const std::size_t available = buffered_bytes_ - static_cast<std::size_t>(offset);
    const std::size_t part = std::min(available, out.size() - done);
    std::memcpy(out.data() + done, buffer_.data() + offset, part);
    done += part;
    position_bytes_ += static_cast<std::int64_t>(part);
  }
  return done;
}

std::size_t AudioFile::read_from_disk(std::span<unsigned char> out, std::int64_t position_bytes) {
  std::size_t done = 0;
  while (done < out.size() && position_bytes >= 0) {
    const ssize_t count = pread(descriptor_, out.data() + done, out.size() - done,
                                hidden_bytes_ + position_bytes + static_cast<std::int64_t>(done));
    if (count < 0 && errno == EINTR) {
      continue;
    }
    if (count < 0) {
      read_errno_ = errno;
    }
    if (count <= 0) {
      break;
    }
    done += static_cast<std::size_t>(count);
  }
  return done;
}

void AudioFile::drop_front(std::int64_t count) {
  hidden_bytes_ += count;
  size_bytes_ -= count;
  position_bytes_ = 0;
  buffered_bytes_ = 0;
}

void AudioFile::throw_if_read_failed() const {
  if (read_errno_ != 0) {
    throw Error(ErrorClass::kIo, path_.string() + ": reading failed: " + words_of(read_errno_));
  }
}

}  // namespace vggroove

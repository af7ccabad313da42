#include "weights/random_access_file.h"

#include <fcntl.h>
#include <fmt/format.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>
#include <utility>

#include "base/error.h"

namespace vggroove::weights {

RandomAccessFile::RandomAccessFile(std::filesystem::path path) : path_(std::move(path)) {
  // O_NONBLOCK: opening a pipe that nobody writes to must not hang; it has no effect on files.
  descriptor_ = ::open(path_.c_str(), O_RDONLY | O_CLOEXEC | O_NONBLOCK);
  if (descriptor_ < 0) {
    const bool missing = errno == ENOENT || errno == ENOTDIR;
    throw Error(missing ? ErrorClass::kNotFound : ErrorClass::kUnreadable,
                fmt::format("{}: cannot open: {}", path_.string(), std::strerror(errno)));
  }
  struct stat status {};
  const bool is_file = ::fstat(descriptor_, &status) == 0 && S_ISREG(status.st_mode);
  if (!is_file || status.st_size == 0) {
    ::close(std::exchange(descriptor_, -1));
    throw Error(is_file ? ErrorClass::kEmpty : ErrorClass::kUnreadable,
                path_.string() + (is_file ? ": the file is empty" : ": not a regular file"));
  }
  size_bytes_ = static_cast<std::uint64_t>(status.st_size);
}

RandomAccessFile::~RandomAccessFile() {
  if (descriptor_ >= 0) {
    ::close(descriptor_);
  }
}

RandomAccessFile::RandomAccessFile(RandomAccessFile&& other) noexcept
    : path_(std::move(other.path_)),
      size_bytes_(other.size_bytes_),
      descriptor_(std::exchange(other.descriptor_, -1)) {}

RandomAccessFile& RandomAccessFile::operator=(RandomAccessFile&& other) noexcept {
  std::swap(path_, other.path_);
  std::swap(size_bytes_, other.size_bytes_);
  std::swap(descriptor_, other.descriptor_);
  return *this;
}

void RandomAccessFile::read(std::uint64_t offset, std::span<std::byte> out) const {
  if (offset > size_bytes_ || out.size() > size_bytes_ - offset) {
    throw Error(ErrorClass::kCorrupt,
                fmt::format("{}: {} bytes are expected at byte {}, but the file has only {} bytes",
                            path_.string(), out.size(), offset, size_bytes_));
  }
  while (!out.empty()) {
    const ssize_t count = ::pread(descriptor_, out.data(), out.size(), static_cast<off_t>(offset));
    if (count < 0) {
      if (errno == EINTR) {
        continue;
      }
      throw Error(ErrorClass::kIo, fmt::format("{}: cannot read at byte {}: {}", path_.string(),
                                               offset, std::strerror(errno)));
    }
    if (count == 0) {
      throw Error(ErrorClass::kCorrupt,
                  fmt::format("{}: the file became shorter while it was read", path_.string()));
    }
    offset += static_cast<std::uint64_t>(count);
    out = out.subspan(static_cast<std::size_t>(count));
  }
}

}  // namespace vggroove::weights

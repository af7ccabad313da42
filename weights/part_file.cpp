#include "weights/part_file.h"

#include <fcntl.h>
#include <fmt/format.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <fstream>
#include <utility>

#include "base/atomic_file.h"
#include "base/error.h"

namespace vggroove::weights {

PartFile::PartFile(std::filesystem::path complete_path)
    : complete_path_(std::move(complete_path)),
      path_(complete_path_.string() + ".part"),
      source_path_(path_.string() + ".source") {
  open();
  read_source();
}

PartFile::~PartFile() {
  if (size_bytes_ == 0 && !is_committed_) {
    remove();
  }
  ::close(descriptor_);
}

void PartFile::fail(const char* action) const {
  const int reason = errno;
  throw Error(ErrorClass::kIo,
              fmt::format("{}: cannot {}: {}{}", path_.string(), action, std::strerror(reason),
                          reason == ENOSPC ? "; free some space and run again" : ""));
}

void PartFile::open() {
  for (;;) {
    // O_NOFOLLOW: in a folder that others may write to, a link would let them choose the target.
    descriptor_ = ::open(path_.c_str(), O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0666);
    if (descriptor_ < 0) {
      fail("open");
    }
    if (::flock(descriptor_, LOCK_EX | LOCK_NB) != 0) {
      const int reason = errno;
      ::close(std::exchange(descriptor_, -1));
      if (reason == EWOULDBLOCK) {
        throw Error(ErrorClass::kIo, path_.string() + ": another process is downloading this file");
      }
      errno = reason;
      fail("lock");
    }
    struct stat opened {
    }, named{};
    if (::fstat(descriptor_, &opened) != 0) {
      fail("open");
    }
    // Between opening and locking, the process that had the lock may have renamed the file.
    if (::stat(path_.c_str(), &named) == 0 && named.st_ino == opened.st_ino &&
        named.st_dev == opened.st_dev) {
      size_bytes_ = static_cast<std::uint64_t>(opened.st_size);
      return;
    }
    ::close(std::exchange(descriptor_, -1));
  }
}

void PartFile::read_source() {
  std::ifstream file(source_path_);
  std::getline(file, source_);
  std::getline(file, validator_);
  // It becomes a line of a request.
  if (std::ranges::any_of(validator_, [](char c) { return c < ' ' || c > '~'; })) {
    validator_.clear();
  }
}

void PartFile::restart(const std::string& source, const std::string& validator) {
  if (::ftruncate(descriptor_, 0) != 0) {
    fail("empty");
  }
  size_bytes_ = 0;
  source_ = source;
  validator_ = validator;
  write_file_atomically(source_path_, source_ + "\n" + validator_ + "\n");
}

void PartFile::append(std::span<const std::byte> bytes) {
  while (!bytes.empty()) {
    const ssize_t count =
        ::pwrite(descriptor_, bytes.data(), bytes.size(), static_cast<off_t>(size_bytes_));
    if (count < 0) {
      if (errno == EINTR) {
        continue;
      }
      fail("write");
    }
    size_bytes_ += static_cast<std::uint64_t>(count);
    bytes = bytes.subspan(static_cast<std::size_t>(count));
  }
}

void PartFile::commit() {
  if (::fsync(descriptor_) != 0) {
    fail("write");
  }
  if (::rename(path_.c_str(), complete_path_.c_str()) != 0) {
    fail("rename");
  }
  ::unlink(source_path_.c_str());
  is_committed_ = true;
}

void PartFile::remove() {
  ::unlink(path_.c_str());
  ::unlink(source_path_.c_str());
}

}  // namespace vggroove::weights

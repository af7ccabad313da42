#include "base/atomic_file.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <cstdlib>
#include <cstring>
#include <string>
#include <string_view>
#include <system_error>
#include <utility>

#include "base/error.h"

namespace vggroove {
namespace {
constexpr std::string_view kTemporaryMark = ".tmp.";
constexpr std::string_view kTemplate = "XXXXXX";  // of mkstemp
}  // namespace

AtomicFile::AtomicFile(std::filesystem::path path) : path_(std::move(path)) {
  std::string name = path_.string().append(kTemporaryMark).append(kTemplate);
  descriptor_ = mkstemp(name.data());
  temporary_path_ = name;
  if (descriptor_ < 0) {
    fail("create");
  }
  // mkstemp makes the file private; a result should have the permissions of any new file.
  const mode_t mask = umask(0);
  umask(mask);
  fchmod(descriptor_, 0666 & ~mask);
}

AtomicFile::~AtomicFile() {
  if (descriptor_ >= 0) {
    close(descriptor_);
    unlink(temporary_path_.c_str());
  }
}

void AtomicFile::fail(const char* action) const {
  const int reason = errno;
  throw Error(ErrorClass::kIo, path_.string() + ": cannot " + action + ": " +
                                   std::strerror(reason) +
                                   (reason == ENOSPC ? "; free some space and run again" : ""));
}

void AtomicFile::write(std::span<const std::byte> bytes) {
  while (!bytes.empty()) {
    const ssize_t written = ::write(descriptor_, bytes.data(), bytes.size());
    if (written < 0) {
      if (errno == EINTR) {
        continue;
      }
      fail("write");
    }
    bytes = bytes.subspan(static_cast<std::size_t>(written));
  }
}

void AtomicFile::write(std::string_view text) {
  write(std::as_bytes(std::span(text)));
}

void AtomicFile::commit() {
  if (fsync(descriptor_) != 0) {
    fail("write");
  }
  const int descriptor = std::exchange(descriptor_, -1);
  if (close(descriptor) != 0 || rename(temporary_path_.c_str(), path_.c_str()) != 0) {
    const int reason = errno;
    unlink(temporary_path_.c_str());
    errno = reason;
    fail("replace");
  }
}

void remove_abandoned_temporaries(const std::filesystem::path& path) {
  namespace fs = std::filesystem;
  const std::string begin = path.filename().string().append(kTemporaryMark);
  std::error_code unreadable_has_none;
  const fs::path folder = path.has_parent_path() ? path.parent_path() : fs::path(".");
  for (const fs::directory_entry& entry : fs::directory_iterator(folder, unreadable_has_none)) {
    const std::string name = entry.path().filename().string();
    if (name.starts_with(begin) && name.size() == begin.size() + kTemplate.size()) {
      std::error_code left_where_it_is;
      fs::remove(entry.path(), left_where_it_is);
    }
  }
}

void write_file_atomically(const std::filesystem::path& path, std::string_view text) {
  AtomicFile file(path);
  file.write(text);
  file.commit();
}

}  // namespace vggroove

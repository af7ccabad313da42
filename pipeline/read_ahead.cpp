#include "pipeline/read_ahead.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

namespace vggroove {

namespace {

// A song of five minutes at 320 kbit/s; of longer files the system reads ahead by itself.
constexpr off_t kReadAheadBytes = 12 << 20;

}  // namespace

void start_reading_ahead(const std::filesystem::path& path) {
  // O_NONBLOCK: opening a named pipe would wait for its writer.
  const int descriptor = open(path.c_str(), O_RDONLY | O_NONBLOCK | O_CLOEXEC);
  if (descriptor < 0) {
    return;
  }
  struct stat status {};
  if (fstat(descriptor, &status) == 0 && S_ISREG(status.st_mode)) {
    posix_fadvise(descriptor, 0, kReadAheadBytes, POSIX_FADV_WILLNEED);
  }
  close(descriptor);
}

}  // namespace vggroove

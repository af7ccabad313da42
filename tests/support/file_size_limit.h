#pragma once

#include <sys/resource.h>

#include <csignal>

namespace vggroove::testing {

// Lets no file of this process grow beyond a size, as long as this object: the nearest to a full
// disk that a test can have without being root.
class FileSizeLimit {
 public:
  explicit FileSizeLimit(rlim_t limit_bytes) : old_action_(std::signal(SIGXFSZ, SIG_IGN)) {
    getrlimit(RLIMIT_FSIZE, &old_limit_);
    const rlimit limit{limit_bytes, old_limit_.rlim_max};
    setrlimit(RLIMIT_FSIZE, &limit);
  }
  ~FileSizeLimit() {
    setrlimit(RLIMIT_FSIZE, &old_limit_);
    std::signal(SIGXFSZ, old_action_);
  }
  FileSizeLimit(const FileSizeLimit&) = delete;
  FileSizeLimit& operator=(const FileSizeLimit&) = delete;

 private:
  rlimit old_limit_{};
  void (*old_action_)(int);
};

}  // namespace vggroove::testing

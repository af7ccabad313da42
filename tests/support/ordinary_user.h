#pragma once

#include <unistd.h>

#include <stdexcept>

namespace vggroove::testing {

// Root may read everything; as long as this object lives, a test that runs as root is nobody.
class OrdinaryUser {
 public:
  OrdinaryUser() {
    constexpr uid_t kNobody = 65534;
    if (was_root_ && seteuid(kNobody) != 0) {
      throw std::runtime_error("root may not become another user here");
    }
  }
  ~OrdinaryUser() {
    if (was_root_ && seteuid(0) != 0) {
      _exit(1);  // everything after this would run as nobody
    }
  }
  OrdinaryUser(const OrdinaryUser&) = delete;
  OrdinaryUser& operator=(const OrdinaryUser&) = delete;

 private:
  const bool was_root_ = geteuid() == 0;
};

}  // namespace vggroove::testing

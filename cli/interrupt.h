#pragma once

namespace vggroove::cli {

// SIGINT or SIGTERM arrived; main ends the program with 128 + signal.
struct Interrupted {
  int signal;
};

// While it exists, the first SIGINT or SIGTERM is only noted, so that a long run can stop between
// two files and keep its results. The second one ends the program at once.
class InterruptGuard {
 public:
  InterruptGuard();
  ~InterruptGuard();
  InterruptGuard(const InterruptGuard&) = delete;
  InterruptGuard& operator=(const InterruptGuard&) = delete;

  static void throw_if_interrupted();  // throws Interrupted
};

}  // namespace vggroove::cli

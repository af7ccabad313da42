#include "cli/interrupt.h"

#include <csignal>

namespace vggroove::cli {

namespace {

volatile std::sig_atomic_t received_signal = 0;

void note_signal(int signal) {
  received_signal = signal;
}

void on_interrupt(void (*handler)(int), int flags) {
  struct sigaction action {};
  action.sa_handler = handler;
  action.sa_flags = flags;
  sigaction(SIGINT, &action, nullptr);
  sigaction(SIGTERM, &action, nullptr);
}

}  // namespace

InterruptGuard::InterruptGuard() {
  received_signal = 0;
  // SA_RESTART: libraries in the middle of reading a file do not expect EINTR.
  on_interrupt(note_signal, SA_RESETHAND | SA_RESTART);
}

InterruptGuard::~InterruptGuard() {
  on_interrupt(SIG_DFL, 0);
}

void InterruptGuard::throw_if_interrupted() {
  if (received_signal != 0) {
    throw Interrupted{received_signal};
  }
}

}  // namespace vggroove::cli

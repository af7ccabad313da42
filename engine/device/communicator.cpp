#include "engine/device/communicator.h"

#include <cstdlib>

#include "engine/device/cpu_info.h"

namespace vggroove {
unsigned SingleProcess::num_cores() const {
  return cpu_info().num_cores;
}

void SingleProcess::abort(int exit_code) {
  std::_Exit(exit_code);
}

Communicator& single_process() {
  static SingleProcess process;
  return process;
}

std::pair<std::size_t, std::size_t> share_of(const Communicator& processes, std::size_t count) {
  const auto rank = static_cast<std::size_t>(processes.rank());
  const auto size = static_cast<std::size_t>(processes.size());
  return {count * rank / size, count * (rank + 1) / size};
}

}  // namespace vggroove

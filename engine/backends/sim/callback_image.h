#pragma once

#include <array>

namespace vggroove::sim {

// What the simulated device has in place of a fatbin of cuFFT's callbacks: the functions, as simt
// compiled them, by name.
struct NamedCallback {
  const char* name;
  void (*function)();
};
using SimCallbackImage = std::array<NamedCallback, 2>;

}  // namespace vggroove::sim

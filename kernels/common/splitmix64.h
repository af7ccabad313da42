#pragma once

#include <cstdint>

#include "kernels/common/host_device.h"

namespace vggroove {

// SplitMix64 (Steele, Lea, Flood 2014): its state is a counter, so any thread computes any number.
inline constexpr std::uint64_t kSplitMix64Gamma = 0x9e3779b97f4a7c15;  // 2^64 / golden ratio, odd

VGGROOVE_HOST_DEVICE constexpr std::uint64_t splitmix64_mix(std::uint64_t z) {
  z = (z ^ (z >> 30)) * 0xbf58476d1ce4e5b9;
  z = (z ^ (z >> 27)) * 0x94d049bb133111eb;
  return z ^ (z >> 31);
}

// The state after `count` more numbers.
VGGROOVE_HOST_DEVICE constexpr std::uint64_t splitmix64_skip(std::uint64_t state,
                                                             std::uint64_t count) {
  return state + count * kSplitMix64Gamma;
}

// The number that is drawn after `index` others.
VGGROOVE_HOST_DEVICE constexpr std::uint64_t splitmix64_at(std::uint64_t state,
                                                           std::uint64_t index) {
  return splitmix64_mix(splitmix64_skip(state, index + 1));
}

}  // namespace vggroove

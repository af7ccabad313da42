#pragma once

#include <cstdint>

namespace vggroove {

// What bias + ReLU + 2x2 max-pool keeps of each pooled element for the backward pass: four bits.
//   bits 0-1  argmax: 2 * (row in the window) + (column in the window); the first of equal values
//   bit 2     set where the ReLU let the maximum through (it was not <= 0)
// Two elements to a byte, the even one in the low bits, in the order of the pooled NHWC tensor.
// The alternative to bit 2, reading y again, costs 2 or 4 bytes an element instead of half a one.
inline constexpr unsigned kPoolArgmaxMask = 3;
inline constexpr unsigned kPoolOpen = 4;
inline constexpr int kPoolCodeBits = 4;

constexpr std::int64_t pool_code_bytes(std::int64_t num_pooled_elements) {
  return num_pooled_elements / 2;
}

constexpr unsigned pool_code(const std::uint8_t* codes, std::int64_t element) {
  return (codes[element / 2] >> (element % 2 * kPoolCodeBits)) & 0xF;
}

}  // namespace vggroove

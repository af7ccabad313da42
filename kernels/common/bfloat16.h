#pragma once

#include <cstdint>

#include "kernels/common/host_device.h"

namespace vggroove {

// The upper half of a float: 8 bits of exponent, 7 of mantissa. Storage only; arithmetic is fp32.
struct BFloat16 {
  std::uint16_t bits;
  friend constexpr bool operator==(BFloat16, BFloat16) = default;  // of the bits: NaN == NaN
};

// Round to nearest, ties to even; NaN stays NaN.
VGGROOVE_HOST_DEVICE constexpr std::uint16_t to_bfloat16_bits(float value) {
  const auto bits = __builtin_bit_cast(std::uint32_t, value);
  const std::uint32_t rounded = bits + 0x7fff + (bits >> 16 & 1);
  // Adding could carry a NaN's payload into the sign; a NaN keeps its upper half and a quiet bit.
  const bool is_nan = (bits & 0x7fffffff) > 0x7f800000;
  return static_cast<std::uint16_t>((is_nan ? bits | 0x400000 : rounded) >> 16);
}

VGGROOVE_HOST_DEVICE constexpr BFloat16 to_bfloat16(float value) {
  return {to_bfloat16_bits(value)};
}

VGGROOVE_HOST_DEVICE constexpr float to_float(BFloat16 value) {
  return __builtin_bit_cast(float, static_cast<std::uint32_t>(value.bits) << 16);
}

}  // namespace vggroove

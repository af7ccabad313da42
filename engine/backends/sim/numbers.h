#pragma once

#include <cstddef>
#include <cstdint>
#include <cstring>

#include "kernels/common/bfloat16.h"

namespace vggroove::sim {

enum class NumberType { kFp32, kBf16 };

inline std::size_t bytes_of(NumberType type) {
  return type == NumberType::kFp32 ? sizeof(float) : sizeof(BFloat16);
}

inline float load_number(NumberType type, const void* data, std::size_t index) {
  return type == NumberType::kFp32 ? static_cast<const float*>(data)[index]
                                   : to_float(static_cast<const BFloat16*>(data)[index]);
}

inline void store_number(NumberType type, void* data, std::size_t index, float value) {
  if (type == NumberType::kFp32) {
    static_cast<float*>(data)[index] = value;
  } else {
    static_cast<BFloat16*>(data)[index] = to_bfloat16(value);
  }
}

// What a tensor core makes of an fp32 input in TF32: 10 bits of mantissa, to nearest, ties to even.
inline float to_tf32(float value) {
  const auto bits = __builtin_bit_cast(std::uint32_t, value);
  const std::uint32_t rounded = (bits + 0xfff + (bits >> 13 & 1)) & ~std::uint32_t{0x1fff};
  const bool finite = (bits & 0x7f800000) != 0x7f800000;
  return __builtin_bit_cast(float, finite ? rounded : bits);
}

}  // namespace vggroove::sim

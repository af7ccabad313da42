#pragma once

#include <cstddef>
#include <span>

#include "weights/dtype.h"

namespace vggroove::weights {

constexpr bool is_floating_point(DType dtype) {
  return dtype == DType::kF32 || dtype == DType::kF64 || dtype == DType::kF16 ||
         dtype == DType::kBf16;
}

// Converts out.size() little-endian values of a floating-point dtype to fp32: exactly from F16,
// BF16 and F32 (infinities, NaN and subnormal numbers too), rounded to nearest even from F64.
// bytes.size() == out.size() * dtype_bytes(dtype); no alignment is needed.
void convert_to_fp32(DType dtype, std::span<const std::byte> bytes, std::span<float> out);

}  // namespace vggroove::weights

#include "weights/float_conversion.h"

#include <bit>
#include <cmath>
#include <cstdint>
#include <cstring>

#include "base/error.h"

namespace vggroove::weights {
namespace {

template <class T>
T load(const std::byte* bytes) {
  T value;
  std::memcpy(&value, bytes, sizeof(T));
  return value;
}

float from_half(std::uint16_t half) {
  const std::uint32_t sign = std::uint32_t{half & 0x8000u} << 16;
  const std::uint32_t exponent = (half >> 10) & 0x1fu;
  const std::uint32_t fraction = half & 0x3ffu;
  if (exponent == 0) {  // zero or subnormal: fraction * 2^-24, which fp32 holds exactly
    const float magnitude = std::ldexp(static_cast<float>(fraction), -24);
    return sign != 0 ? -magnitude : magnitude;
  }
  const std::uint32_t exponent_fp32 = exponent == 31 ? 255 : exponent - 15 + 127;
  return std::bit_cast<float>(sign | exponent_fp32 << 23 | fraction << 13);
}

}  // namespace

void convert_to_fp32(DType dtype, std::span<const std::byte> bytes, std::span<float> out) {
  const std::size_t step = dtype_bytes(dtype);
  if (!is_floating_point(dtype) || bytes.size() != out.size() * step) {
    throw Error(ErrorClass::kUsage, "convert_to_fp32: the bytes are not that many floats");
  }
  const std::byte* in = bytes.data();
  for (std::size_t i = 0; i < out.size(); ++i, in += step) {
    switch (dtype) {
      case DType::kF16:
        out[i] = from_half(load<std::uint16_t>(in));
        break;
      case DType::kBf16:
        out[i] = std::bit_cast<float>(std::uint32_t{load<std::uint16_t>(in)} << 16);
        break;
      case DType::kF64:
        out[i] = static_cast<float>(load<double>(in));
        break;
      default:
        out[i] = load<float>(in);
    }
  }
}

}  // namespace vggroove::weights

#include "weights/float_conversion.h"

#include <gtest/gtest.h>

#include <bit>
#include <cmath>
#include <cstdint>
#include <cstring>
#include <limits>
#include <vector>

#include "tests/support/expect_error.h"

namespace vggroove::weights {
namespace {

// The definition of binary16 in double precision.
double half_value(std::uint32_t half) {
  const int exponent = static_cast<int>(half >> 10 & 31);
  const double fraction = half & 1023;
  const double magnitude =
      exponent == 31  ? (fraction == 0 ? std::numeric_limits<double>::infinity() : std::nan(""))
      : exponent == 0 ? std::ldexp(fraction, -24)
                      : std::ldexp(1024 + fraction, exponent - 25);
  return (half & 0x8000) != 0 ? -magnitude : magnitude;
}

TEST(ConvertToFp32, takes_every_half_exactly) {
  std::vector<std::uint16_t> halves(65536);
  for (std::size_t i = 0; i < halves.size(); ++i) {
    halves[i] = static_cast<std::uint16_t>(i);
  }
  std::vector<float> values(halves.size());
  convert_to_fp32(DType::kF16, std::as_bytes(std::span(halves)), values);
  for (std::uint32_t i = 0; i < halves.size(); ++i) {
    const double expected = half_value(i);
    ASSERT_EQ(std::isnan(values[i]), std::isnan(expected)) << i;
    ASSERT_TRUE(std::isnan(expected) || values[i] == expected) << i;
    ASSERT_EQ(std::signbit(values[i]), (i & 0x8000) != 0) << i;
  }
}

TEST(ConvertToFp32, takes_bfloat16_as_the_upper_half_of_a_float) {
  const std::vector<std::uint16_t> bits{0x3f80, 0xc049, 0x7f80, 0x0001, 0x8000};
  std::vector<float> values(bits.size());
  convert_to_fp32(DType::kBf16, std::as_bytes(std::span(bits)), values);
  for (std::size_t i = 0; i < bits.size(); ++i) {
    EXPECT_EQ(std::bit_cast<std::uint32_t>(values[i]), std::uint32_t{bits[i]} << 16);
  }
}

TEST(ConvertToFp32, rounds_doubles_to_nearest_even) {
  const std::vector<double> doubles{1 + 0x1p-24, 1 + 0x3p-24, 1e300, -0x1p-149, 0x1p-151};
  std::vector<float> values(doubles.size());
  convert_to_fp32(DType::kF64, std::as_bytes(std::span(doubles)), values);
  EXPECT_EQ(values, (std::vector<float>{1.0f, 1 + 0x1p-22f, std::numeric_limits<float>::infinity(),
                                        -0x1p-149f, 0.0f}));
}

TEST(ConvertToFp32, needs_no_alignment) {
  std::vector<std::byte> bytes(9);
  const float two = 2.0f;
  std::memcpy(bytes.data() + 1, &two, 4);
  std::vector<float> values(1);
  convert_to_fp32(DType::kF32, std::span(bytes).subspan(1, 4), values);
  EXPECT_EQ(values[0], 2.0f);
}

TEST(ConvertToFp32, refuses_integers_and_a_wrong_number_of_bytes) {
  std::vector<float> values(2);
  vggroove::testing::expect_error(ErrorClass::kUsage, "convert_to_fp32", [&] {
    convert_to_fp32(DType::kI32, std::vector<std::byte>(8), values);
  });
  vggroove::testing::expect_error(ErrorClass::kUsage, "convert_to_fp32", [&] {
    convert_to_fp32(DType::kF32, std::vector<std::byte>(7), values);
  });
}

}  // namespace
}  // namespace vggroove::weights

#include "kernels/common/bfloat16.h"

#include <gtest/gtest.h>

#include <bit>
#include <cmath>
#include <cstdint>

namespace vggroove {
namespace {

TEST(BFloat16, rounds_to_the_nearest_and_ties_to_even) {
  const auto rounded = [](std::uint32_t bits) {
    return to_bfloat16(std::bit_cast<float>(bits)).bits;
  };
  EXPECT_EQ(rounded(0x3f800000), 0x3f80);  // 1
  EXPECT_EQ(rounded(0x3f808000), 0x3f80);  // a tie, to even
  EXPECT_EQ(rounded(0x3f818000), 0x3f82);  // a tie, to even
  EXPECT_EQ(rounded(0x3f808001), 0x3f81);
  EXPECT_EQ(rounded(0x3fffffff), 0x4000);  // the carry reaches the exponent
  EXPECT_EQ(rounded(0xff7fffff), 0xff80);  // beyond the largest finite one: minus infinity
  EXPECT_EQ(rounded(0x7f800000), 0x7f80);
  EXPECT_EQ(rounded(0x80000000), 0x8000);
}

TEST(BFloat16, every_value_survives_the_way_there_and_back) {
  for (std::uint32_t bits = 0; bits <= 0xffff; ++bits) {
    const BFloat16 value{static_cast<std::uint16_t>(bits)};
    const float wide = to_float(value);
    if (std::isnan(wide)) {
      EXPECT_TRUE(std::isnan(to_float(to_bfloat16(wide))));
    } else {
      EXPECT_EQ(to_bfloat16(wide), value);
    }
  }
}

TEST(BFloat16, nan_stays_nan_whatever_its_payload) {
  for (const std::uint32_t bits :
       {0x7f800001u, 0x7fffffffu, 0xff800001u, 0xffc00000u, 0xffffffffu}) {
    EXPECT_TRUE(std::isnan(to_float(to_bfloat16(std::bit_cast<float>(bits)))));
  }
}

}  // namespace
}  // namespace vggroove

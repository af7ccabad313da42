#include "kernels/common/bfloat16.h"

#include <gtest/gtest.h>

#include <bit>
#include <cmath>
#include <cstdint>
#include <limits>

namespace vggroove {
namespace {

TEST(BFloat16, rounds_to_the_nearest_and_ties_to_even) {
  EXPECT_EQ(to_bfloat16(1.0f).bits, 0x3f80);
  EXPECT_EQ(to_bfloat16(-2.5f).bits, 0xc020);
  // Between 1 and the next value 1 + 2^-7: the middle goes to the even one, more goes up.
  EXPECT_EQ(to_bfloat16(1.0f + 0x1p-8f).bits, 0x3f80);
  EXPECT_EQ(to_bfloat16(1.0f + 0x1.8p-7f).bits, 0x3f82);
  EXPECT_EQ(to_bfloat16(1.0f + 0x1.0002p-8f).bits, 0x3f81);
  EXPECT_EQ(to_bfloat16(std::numeric_limits<float>::max()).bits, 0x7f80);  // infinity
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
  for (const std::uint32_t bits : {0x7f800001u, 0x7fffffffu, 0xff800001u, 0xffffffffu}) {
    EXPECT_TRUE(std::isnan(to_float(to_bfloat16(std::bit_cast<float>(bits)))));
  }
}

}  // namespace
}  // namespace vggroove

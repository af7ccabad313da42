#include "train/random.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <array>
#include <set>
#include <vector>

namespace vggroove {
namespace {

TEST(Random, gives_the_published_numbers_of_splitmix64) {
  // What Vigna's splitmix64.c prints for the seed 1234567.
  Random random(1234567);
  for (const std::uint64_t expected :
       {6457827717110365317u, 3203168211198807973u, 9817491932198370423u, 4593380528125082431u,
        16408922859458223821u}) {
    EXPECT_EQ(random.next(), expected);
  }
}

TEST(Random, numbers_below_a_count_are_equally_likely) {
  Random random(3);
  constexpr std::size_t kCount = 7, kDraws = 70'000;
  std::array<int, kCount> seen{};
  for (std::size_t i = 0; i < kDraws; ++i) {
    const std::uint64_t number = random.below(kCount);
    ASSERT_LT(number, kCount);
    ++seen[number];
  }
  double chi_squared = 0;
  for (const int times : seen) {
    chi_squared += (times - 10'000.0) * (times - 10'000.0) / 10'000.0;
  }
  EXPECT_LT(chi_squared, 22.46);  // 6 degrees of freedom, p = 0.001; the seed is fixed
  EXPECT_EQ(random.below(1), 0u);
}

TEST(Random, large_counts_are_not_biased_towards_small_numbers) {
  // A remainder of 2^64 by 3 * 2^62 would fall below 2^62 half of the time instead of a third.
  Random random(4);
  int small = 0;
  for (int i = 0; i < 30'000; ++i) {
    small += random.below(3ull << 62) < (1ull << 62) ? 1 : 0;
  }
  EXPECT_NEAR(small, 10'000, 4 * 82);  // 4 standard deviations
}

TEST(Random, uniform_and_normal_have_their_moments) {
  Random random(5);
  constexpr int kDraws = 100'000;
  double uniform_sum = 0, normal_sum = 0, normal_squares = 0, smallest = 1, largest = 0;
  for (int i = 0; i < kDraws; ++i) {
    const double u = random.uniform(), z = random.normal();
    uniform_sum += u;
    smallest = std::min(smallest, u);
    largest = std::max(largest, u);
    normal_sum += z;
    normal_squares += z * z;
  }
  // Four standard errors each.
  EXPECT_NEAR(uniform_sum / kDraws, 0.5, 4 * 0.2887 / std::sqrt(kDraws));
  EXPECT_NEAR(normal_sum / kDraws, 0.0, 4 / std::sqrt(kDraws));
  EXPECT_NEAR(normal_squares / kDraws, 1.0, 4 * std::sqrt(2.0 / kDraws));
  EXPECT_GE(smallest, 0.0);
  EXPECT_LT(largest, 1.0);
}

TEST(Random, every_order_is_equally_likely) {
  std::vector<int> seen(24, 0);
  Random random(6);
  for (int i = 0; i < 24'000; ++i) {
    std::array<int, 4> order{0, 1, 2, 3};
    random.shuffle(std::span<int>(order));
    int index = 0;
    for (std::size_t a = 0; a < 4; ++a) {  // the order's number in the factorial system
      int smaller_behind = 0;
      for (std::size_t b = a + 1; b < 4; ++b) {
        smaller_behind += order[b] < order[a] ? 1 : 0;
      }
      index = index * static_cast<int>(4 - a) + smaller_behind;
    }
    ++seen[static_cast<std::size_t>(index)];
  }
  double chi_squared = 0;
  for (const int times : seen) {
    chi_squared += (times - 1000.0) * (times - 1000.0) / 1000.0;
  }
  EXPECT_LT(chi_squared, 49.73);  // 23 degrees of freedom, p = 0.001
}

TEST(Random, streams_of_a_seed_differ) {
  std::set<std::uint64_t> firsts;
  for (std::uint64_t seed = 0; seed < 50; ++seed) {
    for (std::uint64_t stream = 0; stream < 50; ++stream) {
      firsts.insert(Random(seed, stream).next());
    }
  }
  EXPECT_EQ(firsts.size(), 2500u);
}

}  // namespace
}  // namespace vggroove

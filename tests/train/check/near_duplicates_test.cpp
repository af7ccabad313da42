#include "train/check/near_duplicates.h"

#include <gtest/gtest.h>

#include <cstdint>

#include "train/random.h"

namespace vggroove {
namespace {

Fingerprint random_codes(std::size_t count, std::uint64_t seed) {
  Random random(seed);
  Fingerprint codes(count);
  for (std::uint32_t& code : codes) {
    code = static_cast<std::uint32_t>(random.next() >> 32) | 1;  // never 0
  }
  return codes;
}

// `share` of the bits wrong.
Fingerprint damaged(Fingerprint codes, double share, std::uint64_t seed) {
  Random random(seed);
  for (std::uint32_t& code : codes) {
    for (int bit = 1; bit < 32; ++bit) {
      code ^= random.uniform() < share ? std::uint32_t{1} << bit : 0;
    }
  }
  return codes;
}

Fingerprint part(const Fingerprint& codes, std::size_t begin, std::size_t end) {
  return {codes.begin() + static_cast<std::ptrdiff_t>(begin),
          codes.begin() + static_cast<std::ptrdiff_t>(end)};
}

TEST(NearDuplicates, bit_error_rate_counts_the_bits_of_codes_that_stand_together) {
  const Fingerprint a = {0xf, 0, 0x1, 0xff}, b = {0x3, 0xf, 0x7};
  std::size_t num_compared = 9;
  // a[0] and b[1] agree, a[1] says nothing.
  EXPECT_EQ(bit_error_rate(a, b, 1, num_compared), 0);
  EXPECT_EQ(num_compared, 1U);
  // f-3: 2 bits; 1-7: 2 bits.
  EXPECT_EQ(bit_error_rate(a, b, 0, num_compared), 4.0 / 64);
  EXPECT_EQ(num_compared, 2U);
  EXPECT_EQ(bit_error_rate(a, b, 0, num_compared, 2), 2.0 / 32) << "each second code";
  EXPECT_EQ(bit_error_rate(a, b, -2, num_compared), (1 + 4) / 64.0);
  for (const std::ptrdiff_t apart : {-4, 3, 1000, -1000}) {
    EXPECT_EQ(bit_error_rate(a, b, apart, num_compared), 0.5);
    EXPECT_EQ(num_compared, 0U);
  }
}

TEST(NearDuplicates, unrelated_codes_give_no_pair) {
  std::vector<Fingerprint> clips;
  for (std::uint64_t clip = 0; clip < 100; ++clip) {
    clips.push_back(random_codes(500, clip));
  }
  EXPECT_TRUE(find_near_duplicates(clips).empty());
}

TEST(NearDuplicates, nothing_to_compare_gives_no_pair) {
  EXPECT_TRUE(find_near_duplicates({}).empty());
  const std::vector<Fingerprint> empty = {{}, {}, Fingerprint(1000, 0), Fingerprint(1000, 0)};
  EXPECT_TRUE(find_near_duplicates(empty).empty());
}

TEST(NearDuplicates, overlap_is_found_with_its_offset_in_spite_of_wrong_bits) {
  const Fingerprint track = random_codes(3000, 1000);
  std::vector<Fingerprint> clips;
  for (std::uint64_t clip = 0; clip < 20; ++clip) {
    clips.push_back(random_codes(1000, clip));
  }
  clips[3] = part(track, 0, 1500);
  clips[11] = damaged(part(track, 1000, 2500), 0.15, 5);  // 10 s in common
  clips[17] = part(track, 2300, 3000);                    // 4 s of clip 11
  const std::vector<NearDuplicate> pairs = find_near_duplicates(clips);
  ASSERT_EQ(pairs.size(), 2U);
  EXPECT_EQ(pairs[0].first, 3U);
  EXPECT_EQ(pairs[0].second, 11U);
  EXPECT_EQ(pairs[0].offset_s, -20);
  EXPECT_EQ(pairs[0].overlap_s, 10);
  EXPECT_NEAR(pairs[0].bit_error_rate, 0.15 * 31 / 32, 0.015);  // 5 sigma of 15 500 bits
  EXPECT_EQ(pairs[1].first, 11U);
  EXPECT_EQ(pairs[1].second, 17U);
  EXPECT_EQ(pairs[1].offset_s, -26);
  EXPECT_EQ(pairs[1].overlap_s, 4);
}

TEST(NearDuplicates, less_in_common_than_3_s_is_not_enough) {
  const Fingerprint track = random_codes(1000, 7);
  for (const std::size_t common : {149U, 150U}) {
    const std::vector<Fingerprint> clips = {part(track, 0, 500), part(track, 500 - common, 1000)};
    EXPECT_EQ(find_near_duplicates(clips).size(), common >= 150 ? 1U : 0U);
  }
}

TEST(NearDuplicates, too_many_wrong_bits_are_another_recording) {
  const Fingerprint track = random_codes(2000, 8);
  const std::vector<Fingerprint> near = {track, damaged(track, 0.25, 1)};
  EXPECT_EQ(find_near_duplicates(near).size(), 1U);
  const std::vector<Fingerprint> far = {track, damaged(track, 0.35, 1)};
  EXPECT_TRUE(find_near_duplicates(far).empty());
}

TEST(NearDuplicates, same_pairs_for_any_number_of_threads_and_each_clip_reported) {
  const Fingerprint track = random_codes(2000, 9);
  std::vector<Fingerprint> clips;
  for (std::size_t clip = 0; clip < 12; ++clip) {
    clips.push_back(damaged(part(track, 50 * clip, 50 * clip + 900), 0.05, clip));
  }
  std::size_t last_done = 0, num_calls = 0;
  const std::vector<NearDuplicate> one = find_near_duplicates(clips, 1, [&](std::size_t done) {
    last_done = done;
    ++num_calls;
  });
  EXPECT_EQ(one.size(), 12U * 11 / 2);
  EXPECT_EQ(last_done, 12U);
  EXPECT_EQ(num_calls, 12U);
  const std::vector<NearDuplicate> two = find_near_duplicates(clips, 2);
  ASSERT_EQ(two.size(), one.size());
  for (std::size_t i = 0; i < one.size(); ++i) {
    EXPECT_EQ(one[i].first, two[i].first);
    EXPECT_EQ(one[i].second, two[i].second);
    EXPECT_EQ(one[i].offset_s, two[i].offset_s);
    EXPECT_EQ(one[i].bit_error_rate, two[i].bit_error_rate);
  }
}

}  // namespace
}  // namespace vggroove

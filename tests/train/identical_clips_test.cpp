#include "train/identical_clips.h"

#include <gtest/gtest.h>

#include <algorithm>

#include "tests/train/toy_features.h"

namespace vggroove {
namespace {

using Sets = std::vector<std::vector<std::size_t>>;

// 2 classes x 4 clips x 3 rows of 8.
FeatureSet with_copies(const Sets& sets) {
  FeatureSet features = testing::toy_features(2, 4, 1);
  for (const std::vector<std::size_t>& set : sets) {
    for (const std::size_t clip : set) {
      const auto from = features.rows_of(set.front());
      std::copy(
          from.begin(), from.end(),
          features.rows.begin() + static_cast<std::ptrdiff_t>(features.clips[clip].first_row * 8));
    }
  }
  return features;
}

TEST(IdenticalClips, are_those_with_the_same_rows) {
  EXPECT_EQ(identical_clips(with_copies({})), Sets());
  EXPECT_EQ(identical_clips(with_copies({{1, 4, 7}, {0, 2}})), (Sets{{0, 2}, {1, 4, 7}}));
}

TEST(IdenticalClips, agree_in_every_row_and_in_their_number) {
  FeatureSet features = with_copies({{0, 1}, {2, 3}});
  features.rows[features.clips[1].first_row * 8 + 23] += 0.5F;
  --features.clips[3].num_rows;
  EXPECT_EQ(identical_clips(features), Sets());
}

TEST(IdenticalClips, apart_are_whole_sets_that_stand_in_several_parts) {
  const Sets sets = {{0, 2}, {1, 4, 7}};
  EXPECT_EQ(num_clips_apart(sets, std::vector<int>{0, 1, 0, 0, 1, 0, 0, 1}), 0U);
  EXPECT_EQ(num_clips_apart(sets, std::vector<int>{0, 1, 0, 0, 1, 0, 0, 0}), 3U);
  EXPECT_EQ(num_clips_apart(sets, std::vector<int>{0, 1, 1, 0, 1, 0, 0, 0}), 5U);
}

}  // namespace
}  // namespace vggroove

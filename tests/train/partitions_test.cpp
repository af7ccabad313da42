#include "train/partitions.h"

#include <fmt/format.h>
#include <gtest/gtest.h>

#include <fstream>
#include <set>
#include <string>

#include "tests/support/expect_error.h"
#include "tests/support/temporary_folder.h"
#include "tests/train/toy_features.h"

namespace vggroove {
namespace {

using testing::expect_error;
using testing::toy_features;

TEST(Partitions, test_every_clip_once_per_repetition_and_never_train_on_it) {
  const FeatureSet features = toy_features(3, 10, 1);
  const std::vector<Partition> partitions = fold_partitions(features, 4, 2, false, 5);
  ASSERT_EQ(partitions.size(), 8U);
  std::multiset<std::pair<int, std::size_t>> tested;
  for (const Partition& partition : partitions) {
    std::set<std::size_t> all(partition.train.begin(), partition.train.end());
    for (const std::size_t clip : partition.test) {
      EXPECT_TRUE(all.insert(clip).second) << "clip " << clip << " is trained on and tested";
      tested.emplace(partition.repetition, clip);
    }
    EXPECT_EQ(all.size(), 30U);
  }
  EXPECT_EQ(tested.size(), 60U);
  EXPECT_EQ((std::set<std::pair<int, std::size_t>>(tested.begin(), tested.end()).size()), 60U);
  // The first repetition does not depend on how many there are.
  const std::vector<Partition> once = fold_partitions(features, 4, 1, false, 5);
  EXPECT_EQ(fold_of_clips(30, once, 0), fold_of_clips(30, partitions, 0));
  EXPECT_NE(fold_of_clips(30, partitions, 0), fold_of_clips(30, partitions, 1));
}

TEST(Partitions, of_some_clips_hold_these_and_keep_groups_together) {
  FeatureSet features = toy_features(2, 24, 1);
  for (std::size_t clip = 0; clip < features.clips.size(); ++clip) {
    features.clips[clip].group = "artist " + std::to_string(clip / 4);
  }
  const std::vector<std::size_t> clips = testing::clips_from_to(8, 40);
  std::set<std::size_t> tested;
  for (const Partition& partition : fold_partitions_of(features, clips, 3, true, 1)) {
    std::set<std::string> groups;
    for (const std::size_t clip : partition.train) {
      groups.insert(features.clips[clip].group);
    }
    for (const std::size_t clip : partition.test) {
      EXPECT_FALSE(groups.contains(features.clips[clip].group));
      tested.insert(clip);
    }
  }
  EXPECT_EQ(std::vector<std::size_t>(tested.begin(), tested.end()), clips);
}

class ListedPartitions : public ::testing::Test {
 protected:
  ListedPartitions() {
    const char* const paths[] = {"/music/set/blues/a.wav", "/music/set/blues/b.wav",
                                 "/music/set/rock/a.wav",  "/music/set/rock/b.wav",
                                 "/music/set/rock/c.wav",  "/music/set/blues/c.wav"};
    for (std::size_t clip = 0; clip < features_.clips.size(); ++clip) {
      features_.clips[clip].id = paths[clip];
    }
  }
  std::filesystem::path list(const char* name, const char* text) const {
    std::ofstream(folder_ / name) << text;
    return folder_ / name;
  }
  testing::TemporaryFolder folder_;
  FeatureSet features_ = toy_features(2, 3, 1);
};

TEST_F(ListedPartitions, find_clips_by_the_ends_of_their_paths) {
  const ListedPartition listed = listed_partition(
      features_, {.train = list("train.txt", "# kept\nrock/a.wav\r\n\nblues/b.wav\nblues/z.wav\n"),
                  .validation = list("valid.txt", "./rock/c.wav"),
                  .test = list("test.txt", "set/blues/a.wav\n")});
  EXPECT_EQ(listed.partition.train, (std::vector<std::size_t>{1, 2}));
  EXPECT_EQ(listed.partition.validation, std::vector<std::size_t>{4});
  EXPECT_EQ(listed.partition.test, std::vector<std::size_t>{0});
  EXPECT_EQ(listed.num_missing, 1U);
  EXPECT_EQ(listed.first_missing, "blues/z.wav");
  EXPECT_EQ(listed.num_unlisted, 2U);
  const std::vector<Partition> partitions = {listed.partition};
  EXPECT_EQ(fold_of_clips(6, partitions, 0), (std::vector<int>{0, -1, -1, -1, -1, -1}));
}

// The lists in use for GTZAN name "blues/blues.00029.wav" of files that were published as
// genres/blues/blues.00029.au; jazz.00054 is one that many copies lack.
TEST(ListedPartition, of_gtzan_finds_its_clips_whatever_their_folder_and_format) {
  const char* const genres[] = {"blues", "jazz"};
  const testing::TemporaryFolder folder;
  std::ofstream train(folder / "train.txt"), valid(folder / "valid.txt"), test(folder / "test.txt");
  FeatureSet features = toy_features(2, 99, 1);
  std::size_t clip = 0;
  for (int g = 0; g < 2; ++g) {
    for (int number = 0; number < 100; ++number) {
      const std::string line = fmt::format("{0}/{0}.{1:05}.wav", genres[g], number);
      // A fault-filtered list leaves some out.
      if (number % 10 != 9) {
        (number % 10 < 5 ? train : number % 10 < 7 ? valid : test) << line << '\n';
      }
      if (number != 54 && clip < features.clips.size()) {
        features.clips[clip].label = g;
        const char* const format = number % 2 == 0 ? "/data/gtzan/genres/{0}/{0}.{1:05}.au"
                                                   : "/data/gtzan/genres/{0}/{0}.{1:05}.wav";
        features.clips[clip++].id = fmt::format(fmt::runtime(format), genres[g], number);
      }
    }
  }
  train.close(), valid.close(), test.close();
  const ListedPartition listed = listed_partition(features, {.train = folder / "train.txt",
                                                             .validation = folder / "valid.txt",
                                                             .test = folder / "test.txt"});
  EXPECT_EQ(listed.partition.train.size(), 98U);
  EXPECT_EQ(listed.partition.validation.size(), 40U);
  EXPECT_EQ(listed.partition.test.size(), 40U);
  EXPECT_EQ(listed.num_missing, 2U);
  EXPECT_EQ(listed.first_missing, "blues/blues.00054.wav");
  EXPECT_EQ(listed.num_unlisted, 20U);
  EXPECT_EQ(features.clips[listed.partition.test.front()].id,
            "/data/gtzan/genres/blues/blues.00007.wav");
}

TEST_F(ListedPartitions, refuse_what_is_ambiguous_or_leaks) {
  const auto train = list("train.txt", "rock/a.wav\n"), test = list("test.txt", "rock/b.wav\n");
  expect_error(ErrorClass::kUsage, "needs a list", [&] {
    listed_partition(features_, {.train = train, .validation = {}, .test = {}});
  });
  const auto refused = [&](const char* words, const char* text) {
    const auto bad = list("bad.txt", text);
    expect_error(ErrorClass::kUsage, words, [&] {
      listed_partition(features_, {.train = train, .validation = bad, .test = test});
    });
  };
  refused("'c.wav' fits", "c.wav");
  refused("'rock/a.wav' is in", "rock/a.wav");
  refused("is in", "rock/c.wav\nrock/c.wav");
  refused("none of its lines", "jazz/x.wav");
  expect_error(ErrorClass::kIo, "cannot be read", [&] {
    listed_partition(features_, {.train = train, .validation = {}, .test = folder_ / "none.txt"});
  });
}

TEST(Partitions, clips_of_groups_leave_out_those_that_stand_alone) {
  FeatureSet features = toy_features(1, 5, 1);
  const char* const groups[] = {"x", "", "y", "x", ""};
  for (std::size_t clip = 0; clip < 5; ++clip) {
    features.clips[clip].group = groups[clip];
  }
  EXPECT_EQ(clips_of_groups(features), (std::vector<std::vector<std::size_t>>{{0, 3}}));
}

}  // namespace
}  // namespace vggroove

#include "train/folds.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <fstream>
#include <iostream>
#include <map>
#include <nlohmann/json.hpp>
#include <set>
#include <span>
#include <string>
#include <vector>

#include "tests/support/expect_error.h"
#include "train/random.h"

namespace vggroove {
namespace {

using testing::expect_error;

// count[fold][class]
std::vector<std::vector<int>> count_classes(std::span<const int> labels, std::span<const int> folds,
                                            int num_classes, int num_folds) {
  std::vector<std::vector<int>> counts(static_cast<std::size_t>(num_folds),
                                       std::vector<int>(static_cast<std::size_t>(num_classes), 0));
  for (std::size_t clip = 0; clip < labels.size(); ++clip) {
    ++counts.at(static_cast<std::size_t>(folds[clip])).at(static_cast<std::size_t>(labels[clip]));
  }
  return counts;
}

bool within_one(std::span<const int> values) {
  const auto [least, most] = std::minmax_element(values.begin(), values.end());
  return *most - *least <= 1;
}

// The standard deviation over the folds of the share of a class, averaged over the classes.
double spread(std::span<const int> labels, std::span<const int> folds, int num_classes,
              int num_folds) {
  const auto counts = count_classes(labels, folds, num_classes, num_folds);
  double total = 0;
  for (std::size_t c = 0; c < static_cast<std::size_t>(num_classes); ++c) {
    double size = 0, squares = 0;
    for (const auto& fold : counts) {
      size += fold[c];
    }
    for (const auto& fold : counts) {
      const double off = fold[c] / size - 1.0 / num_folds;
      squares += off * off;
    }
    total += std::sqrt(squares / num_folds);
  }
  return total / num_classes;
}

std::vector<int> random_labels(int num_classes, std::size_t num_clips, std::uint64_t seed) {
  Random random(seed);
  std::vector<int> labels(num_clips);
  for (int& label : labels) {
    const double u = random.uniform();  // squared: the first classes are larger
    label = static_cast<int>(u * u * num_classes);
  }
  return labels;
}

TEST(Folds, without_groups_class_counts_and_sizes_are_even_within_one) {
  int cases = 0;
  for (std::uint64_t seed = 0; seed < 60; ++seed) {
    Random random(seed, 1);
    const int num_classes = 2 + static_cast<int>(random.below(11));
    const int num_folds = 2 + static_cast<int>(random.below(10));
    std::vector<int> labels = random_labels(num_classes, 20 + random.below(400), seed);
    for (int c = 0; c < num_classes; ++c) {  // enough of every class
      labels.insert(labels.end(), static_cast<std::size_t>(num_folds), c);
    }
    random.shuffle(std::span(labels));
    const std::vector<int> folds = stratified_folds(labels, {}, num_folds, seed);
    ASSERT_EQ(folds.size(), labels.size());
    const auto counts = count_classes(labels, folds, num_classes, num_folds);
    std::vector<int> sizes;
    for (const auto& fold : counts) {
      int size = 0;
      for (const int count : fold) {
        size += count;
      }
      sizes.push_back(size);
    }
    EXPECT_TRUE(within_one(sizes)) << "seed " << seed;
    for (std::size_t c = 0; c < static_cast<std::size_t>(num_classes); ++c) {
      std::vector<int> of_class;
      for (const auto& fold : counts) {
        of_class.push_back(fold[c]);
      }
      EXPECT_TRUE(within_one(of_class)) << "seed " << seed << ", class " << c;
    }
    ++cases;
  }
  EXPECT_EQ(cases, 60);
}

TEST(Folds, are_as_even_with_groups_as_those_of_scikit_learn) {
  std::ifstream file(VGGROOVE_GOLDEN_DIR "/folds/grouped.json");
  const nlohmann::json cases = nlohmann::json::parse(file).at("cases");
  ASSERT_GE(cases.size(), 30u);
  double ours_in_all = 0, theirs_in_all = 0;
  for (std::size_t i = 0; i < cases.size(); ++i) {
    const auto labels = cases[i].at("labels").get<std::vector<int>>();
    const int num_folds = cases[i].at("num_folds"), num_classes = cases[i].at("num_classes");
    std::vector<std::string> groups;
    for (const int group : cases[i].at("groups").get<std::vector<int>>()) {
      groups.push_back("artist " + std::to_string(group));
    }
    double ours = 0, theirs = 0;
    for (std::uint64_t seed = 0; seed < 5; ++seed) {
      const std::vector<int> folds = stratified_folds(labels, groups, num_folds, seed);
      ASSERT_EQ(folds.size(), labels.size());
      std::map<std::string, std::set<int>> folds_of_group;
      for (std::size_t clip = 0; clip < labels.size(); ++clip) {
        folds_of_group[groups[clip]].insert(folds[clip]);
      }
      for (const auto& [group, its_folds] : folds_of_group) {
        EXPECT_EQ(its_folds.size(), 1u) << group << " stands in several folds";
      }
      ours += spread(labels, folds, num_classes, num_folds);
      theirs += cases[i].at("spreads").at(seed).get<double>();
    }
    EXPECT_LE(ours, theirs * (1 + 1e-9)) << "case " << i;
    ours_in_all += ours;
    theirs_in_all += theirs;
  }
  std::cout << "spread of class shares: " << ours_in_all / theirs_in_all << " of scikit-learn's\n";
  EXPECT_LT(ours_in_all, theirs_in_all);
}

TEST(Folds, clips_without_a_group_stand_alone) {
  // One group of ten and twenty single clips into three folds: sizes 10, 10, 10.
  const std::vector<int> labels(30, 0);
  std::vector<std::string> groups(30);
  std::fill_n(groups.begin(), 10, "band");
  const std::vector<int> folds = stratified_folds(labels, groups, 3, 1);
  EXPECT_EQ(std::set<int>(folds.begin(), folds.begin() + 10).size(), 1u);
  const auto counts = count_classes(labels, folds, 1, 3);
  EXPECT_EQ(counts, (std::vector<std::vector<int>>{{10}, {10}, {10}}));
}

TEST(Folds, of_a_seed_are_the_same_everywhere) {
  // Frozen from this program itself: no compiler, library or machine may change them, since the
  // seed is how two people compare results.
  const std::vector<int> labels = {0, 1, 2, 0, 1, 2, 0, 1, 2, 0, 1, 2, 0, 1, 2, 0};
  const std::vector<std::string> groups = {"a", "a", "b", "b", "c", "c", "d", "d",
                                           "",  "",  "",  "",  "e", "e", "f", "f"};
  EXPECT_EQ(stratified_folds(labels, {}, 3, 42),
            (std::vector<int>{0, 0, 0, 0, 1, 2, 1, 0, 0, 2, 1, 2, 1, 2, 1, 2}));
  EXPECT_EQ(stratified_folds(labels, groups, 3, 42),
            (std::vector<int>{0, 0, 1, 1, 2, 2, 2, 2, 1, 2, 0, 0, 1, 1, 0, 0}));
}

TEST(Folds, depend_on_the_seed_and_on_nothing_else) {
  const std::vector<int> labels = random_labels(4, 200, 9);
  std::vector<std::string> groups;
  for (std::size_t clip = 0; clip < labels.size(); ++clip) {
    groups.push_back(std::to_string(clip / 3));
  }
  for (const auto& names : {std::vector<std::string>{}, groups}) {
    const std::vector<int> folds = stratified_folds(labels, names, 5, 7);
    EXPECT_EQ(folds, stratified_folds(labels, names, 5, 7));
    EXPECT_NE(folds, stratified_folds(labels, names, 5, 8));
  }
}

TEST(Folds, refuse_data_that_cannot_be_divided) {
  const std::vector<int> labels = {0, 0, 0, 1, 1};
  const std::vector<std::string> names = {"blues", "jazz"};
  expect_error(ErrorClass::kUsage, "class 'jazz' has 2 clips, fewer than the 3 folds",
               [&] { stratified_folds(labels, {}, 3, 0, names); });
  expect_error(ErrorClass::kUsage, "class 1 has 2 clips",
               [&] { stratified_folds(labels, {}, 3, 0); });
  expect_error(ErrorClass::kUsage, "at least 2", [&] { stratified_folds(labels, {}, 1, 0); });
  expect_error(ErrorClass::kEmpty, "no clips", [&] { stratified_folds({}, {}, 2, 0); });
  expect_error(ErrorClass::kUsage, "negative", [&] {
    stratified_folds(std::vector<int>{0, -1}, {}, 2, 0);
  });
  expect_error(ErrorClass::kUsage, "1 groups for 5 clips",
               [&] { stratified_folds(labels, std::vector<std::string>{"a"}, 2, 0); });
  expect_error(ErrorClass::kUsage, "1 groups, fewer than the 2 folds",
               [&] { stratified_folds(labels, std::vector<std::string>(5, "a"), 2, 0); });
  const std::vector<std::string> jazz_of_one_band = {"", "", "", "trio", "trio"};
  expect_error(ErrorClass::kUsage, "all clips of class 'jazz' into one fold",
               [&] { stratified_folds(labels, jazz_of_one_band, 2, 0, names); });
}

TEST(Holdout, takes_its_fraction_of_every_class) {
  std::vector<int> labels;
  for (int c = 0; c < 5; ++c) {
    labels.insert(labels.end(), 40, c);
  }
  const std::vector<std::size_t> held_out = stratified_holdout(labels, {}, 0.25, 3);
  EXPECT_EQ(held_out.size(), 50u);
  EXPECT_TRUE(std::is_sorted(held_out.begin(), held_out.end()));
  std::vector<int> of_class(5, 0);
  for (const std::size_t clip : held_out) {
    ++of_class[static_cast<std::size_t>(labels[clip])];
  }
  EXPECT_EQ(of_class, std::vector<int>(5, 10));
  EXPECT_EQ(held_out, stratified_holdout(labels, {}, 0.25, 3));
  EXPECT_NE(held_out, stratified_holdout(labels, {}, 0.25, 4));
}

TEST(Holdout, divides_no_group_and_leaves_no_class_without_clips) {
  for (std::uint64_t seed = 0; seed < 50; ++seed) {
    Random random(seed, 2);
    const std::vector<int> labels = random_labels(6, 10 + random.below(60), seed);
    std::vector<std::string> groups;
    for (std::size_t clip = 0; clip < labels.size(); ++clip) {
      const std::uint64_t group = random.below(labels.size() / 2);
      groups.push_back(group == 0 ? "" : std::to_string(group));
    }
    const std::vector<std::size_t> held_out = stratified_holdout(labels, groups, 0.15, seed);
    const std::set<std::size_t> out(held_out.begin(), held_out.end());
    ASSERT_EQ(out.size(), held_out.size());
    std::set<std::string> groups_out, groups_in;
    std::set<int> classes, classes_in;
    for (std::size_t clip = 0; clip < labels.size(); ++clip) {
      classes.insert(labels[clip]);
      (out.contains(clip) ? groups_out : groups_in).insert(groups[clip]);
      if (!out.contains(clip)) {
        classes_in.insert(labels[clip]);
      }
    }
    EXPECT_EQ(classes, classes_in) << "seed " << seed;
    for (const std::string& group : groups_out) {
      EXPECT_TRUE(group.empty() || !groups_in.contains(group)) << "seed " << seed;
    }
  }
}

TEST(Holdout, of_too_little_is_empty_and_of_a_senseless_fraction_an_error) {
  EXPECT_TRUE(stratified_holdout(std::vector<int>{0}, {}, 0.5, 0).empty());
  EXPECT_TRUE(stratified_holdout(std::vector<int>{0, 1, 2}, {}, 0.3, 0).empty());
  for (const double fraction : {0.0, -0.1, 0.51, std::nan("")}) {
    expect_error(ErrorClass::kUsage, "fraction", [&] {
      stratified_holdout(std::vector<int>{0, 1}, {}, fraction, 0);
    });
  }
}

}  // namespace
}  // namespace vggroove

#include "train/bootstrap.h"

#include <gtest/gtest.h>

#include <cmath>
#include <fstream>
#include <iterator>
#include <nlohmann/json.hpp>
#include <string>

#include "tests/support/compare.h"
#include "tests/support/expect_error.h"
#include "train/random.h"

namespace vggroove {
namespace {

// `right` of n items of two classes are predicted rightly, by probabilities of 0.8.
ScoredItems items_of_two_classes(int n, int right) {
  ScoredItems items{.truth = {}, .unit = {}, .probabilities = {{}}, .num_classes = 2};
  for (int i = 0; i < n; ++i) {
    const int truth = i % 2;
    const bool says_0 = (truth == 0) == (i < right);
    items.truth.push_back(truth);
    items.unit.push_back(static_cast<std::size_t>(i));
    items.probabilities[0].push_back(says_0 ? 0.8 : 0.2);
    items.probabilities[0].push_back(says_0 ? 0.2 : 0.8);
  }
  return items;
}

// tests/golden/bootstrap/make_golden.py says what the bounds are.
TEST(Bootstrap, intervals_are_those_of_scipy) {
  std::ifstream file(std::string(VGGROOVE_GOLDEN_DIR) + "/bootstrap/bootstrap.json");
  const nlohmann::json golden = nlohmann::json::parse(file);
  ASSERT_EQ(golden.at("num_samples"), kBootstrapSamples);
  constexpr Interval ScoreIntervals::*kScores[] = {
      &ScoreIntervals::accuracy, &ScoreIntervals::macro_precision, &ScoreIntervals::macro_recall,
      &ScoreIntervals::macro_f1, &ScoreIntervals::log_loss};
  ASSERT_EQ(golden.at("cases").size(), 3U);
  for (const nlohmann::json& expected : golden.at("cases")) {
    const ScoredItems items{.truth = expected.at("truth"),
                            .unit = expected.at("unit"),
                            .probabilities = expected.at("probabilities"),
                            .num_classes = expected.at("num_classes")};
    const ScoreIntervals intervals = bootstrap_intervals(items, 5);
    for (std::size_t s = 0; s < std::size(kScores); ++s) {
      SCOPED_TRACE(expected.at("name").get<std::string>() + ", " +
                   golden.at("scores").at(s).get<std::string>());
      const auto expect_between = [s](double end, const nlohmann::json& bounds) {
        EXPECT_TRUE(end >= bounds.at(s).at(0).get<double>() - 1e-12) << end;
        EXPECT_TRUE(end <= bounds.at(s).at(1).get<double>() + 1e-12) << end;
      };
      expect_between((intervals.*kScores[s]).low, expected.at("bounds").at("low"));
      expect_between((intervals.*kScores[s]).high, expected.at("bounds").at("high"));
    }
  }
}

// Hits of a sample of n are binomial: their quantiles are near those of the normal distribution.
// Tolerance: a hit to either side, as the distribution has steps, and four standard errors of the
// 2.5 % quantile of 2000 samples, sqrt(q (1 - q) / 2000) / density = 0.06 deviations.
TEST(Bootstrap, interval_of_the_accuracy_is_that_of_the_binomial_distribution) {
  constexpr int kItems = 400, kRight = 300;
  const ScoreIntervals intervals = bootstrap_intervals(items_of_two_classes(kItems, kRight), 1);
  const double p = 0.75, deviation = std::sqrt(p * (1 - p) / kItems);
  const double tolerance = 1.0 / kItems + 4 * 0.06 * deviation;
  testing::expect_within(std::abs(intervals.accuracy.low - (p - 1.96 * deviation)), tolerance,
                         "low");
  testing::expect_within(std::abs(intervals.accuracy.high - (p + 1.96 * deviation)), tolerance,
                         "high");
  // The log loss is linear in the accuracy here.
  const double loss_low =
      -intervals.accuracy.high * std::log(0.8) - (1 - intervals.accuracy.high) * std::log(0.2);
  testing::expect_within(std::abs(intervals.log_loss.low - loss_low), 1e-9, "log loss");
}

TEST(Bootstrap, items_of_a_unit_tell_as_much_as_one) {
  const ScoredItems clips = items_of_two_classes(100, 70);
  ScoredItems segments = clips;
  segments.truth.clear();
  segments.unit.clear();
  segments.probabilities[0].clear();
  for (std::size_t clip = 0; clip < 100; ++clip) {
    for (int segment = 0; segment < 9; ++segment) {  // nine times the same
      segments.truth.push_back(clips.truth[clip]);
      segments.unit.push_back(clip);
      segments.probabilities[0].push_back(clips.probabilities[0][2 * clip]);
      segments.probabilities[0].push_back(clips.probabilities[0][2 * clip + 1]);
    }
  }
  const ScoreIntervals of_clips = bootstrap_intervals(clips, 3);
  const ScoreIntervals of_segments = bootstrap_intervals(segments, 3);
  EXPECT_EQ(of_clips.accuracy.low, of_segments.accuracy.low);
  EXPECT_EQ(of_clips.macro_f1.high, of_segments.macro_f1.high);
}

TEST(Bootstrap, repeating_does_not_narrow_the_interval) {
  const ScoredItems once = items_of_two_classes(100, 70);
  ScoredItems thrice = once;
  thrice.probabilities = {once.probabilities[0], once.probabilities[0], once.probabilities[0]};
  const ScoreIntervals a = bootstrap_intervals(once, 2), b = bootstrap_intervals(thrice, 2);
  testing::expect_within(std::abs(a.macro_recall.low - b.macro_recall.low), 1e-12, "low");
  testing::expect_within(std::abs(a.macro_precision.high - b.macro_precision.high), 1e-12, "high");
}

TEST(Bootstrap, same_seed_gives_the_same_intervals) {
  const ScoredItems items = items_of_two_classes(60, 33);
  EXPECT_EQ(bootstrap_intervals(items, 7).macro_f1.low, bootstrap_intervals(items, 7).macro_f1.low);
  EXPECT_NE(bootstrap_intervals(items, 7).log_loss.low, bootstrap_intervals(items, 8).log_loss.low);
}

TEST(Bootstrap, refuses_probabilities_that_are_none) {
  ScoredItems items = items_of_two_classes(10, 5);
  items.probabilities[0][3] = std::nan("");
  testing::expect_error(ErrorClass::kInvalid, "clip 1", [&] { bootstrap_intervals(items, 1); });
}

}  // namespace
}  // namespace vggroove

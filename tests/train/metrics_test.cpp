#include "train/metrics.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <fstream>
#include <limits>
#include <nlohmann/json.hpp>
#include <span>
#include <string>
#include <vector>

#include "tests/support/compare.h"
#include "tests/support/expect_error.h"

namespace vggroove {
namespace {

using testing::expect_error;

// Rounding of at most 97 additions of values of at most 37 (-ln of eps): 97 * 37 * 2^-53 = 4e-13
// in the log loss; everything else is a ratio of integers.
constexpr double kTolerance = 1e-12;

nlohmann::json golden_cases() {
  std::ifstream file(VGGROOVE_GOLDEN_DIR "/metrics/metrics.json");
  return nlohmann::json::parse(file).at("cases");
}

// Values side by side, for one comparison at the end.
struct Pairs {
  std::vector<double> actual, expected;
  void add(double a, double e) {
    actual.push_back(a);
    expected.push_back(e);
  }
  double largest_difference() const {
    return testing::max_abs_difference(std::span(actual), std::span(expected));
  }
};

TEST(Metrics, equal_scikit_learn) {
  const nlohmann::json cases = golden_cases();
  ASSERT_GE(cases.size(), 19u);
  double largest_of_all = 0;
  for (const nlohmann::json& golden : cases) {
    SCOPED_TRACE(golden.at("name").get<std::string>());
    const auto truth = golden.at("truth").get<std::vector<int>>();
    const auto probabilities = golden.at("probabilities").get<std::vector<double>>();
    const int k = golden.at("num_classes");
    const Metrics metrics = compute_metrics(truth, probabilities, k, golden.at("top_k"));

    Pairs pairs;
    pairs.add(metrics.accuracy, golden.at("accuracy"));
    pairs.add(metrics.accuracy_low, golden.at("accuracy_interval").at(0));
    pairs.add(metrics.accuracy_high, golden.at("accuracy_interval").at(1));
    pairs.add(metrics.log_loss, golden.at("log_loss"));
    pairs.add(metrics.top_k_accuracy, golden.at("top_k_accuracy"));
    const auto add_average = [&](const Metrics::Average& average, const nlohmann::json& expected) {
      pairs.add(average.precision, expected.at(0));
      pairs.add(average.recall, expected.at(1));
      pairs.add(average.f1, expected.at(2));
    };
    add_average(metrics.macro, golden.at("macro"));
    add_average(metrics.weighted, golden.at("weighted"));
    ASSERT_EQ(metrics.per_class.size(), static_cast<std::size_t>(k));
    for (std::size_t c = 0; c < metrics.per_class.size(); ++c) {
      pairs.add(metrics.per_class[c].precision, golden.at("per_class").at(0).at(c));
      pairs.add(metrics.per_class[c].recall, golden.at("per_class").at(1).at(c));
      pairs.add(metrics.per_class[c].f1, golden.at("per_class").at(2).at(c));
      EXPECT_EQ(metrics.per_class[c].support, golden.at("support").at(c).get<std::int64_t>());
      for (std::size_t p = 0; p < metrics.per_class.size(); ++p) {
        EXPECT_EQ(metrics.confusion[c * metrics.per_class.size() + p],
                  golden.at("confusion").at(c).at(p).get<std::int64_t>());
      }
    }
    EXPECT_EQ(metrics.num_clips, static_cast<std::int64_t>(truth.size()));
    testing::expect_within(pairs.largest_difference(), kTolerance, "largest difference");
    largest_of_all = std::max(largest_of_all, pairs.largest_difference());
  }
  RecordProperty("largest_difference", std::to_string(largest_of_all * 1e15) + "e-15");
}

TEST(Metrics, predicts_the_first_of_equal_maxima) {
  const std::vector<double> probabilities = {0.2, 0.4, 0.4};
  EXPECT_EQ(compute_metrics(std::vector<int>{1}, probabilities, 3).accuracy, 1.0);
  EXPECT_EQ(compute_metrics(std::vector<int>{2}, probabilities, 3).accuracy, 0.0);
}

TEST(Metrics, refuse_what_cannot_be_scored) {
  const std::vector<int> truth = {0, 1};
  const std::vector<double> good = {0.5, 0.5, 0.25, 0.75};
  expect_error(ErrorClass::kEmpty, "no clip", [] { compute_metrics({}, {}, 2); });
  expect_error(ErrorClass::kUsage, "4 probabilities for 2 clips of 3",
               [&] { compute_metrics(truth, good, 3); });
  expect_error(ErrorClass::kUsage, "1 classes", [&] { compute_metrics(truth, {}, 1); });
  expect_error(ErrorClass::kUsage, "top 0", [&] { compute_metrics(truth, good, 2, 0); });
  expect_error(ErrorClass::kUsage, "clip 1 is of class 2", [&] {
    compute_metrics(std::vector<int>{0, 2}, good, 2);
  });
  for (const double bad : {-0.1, 1.5, std::numeric_limits<double>::quiet_NaN(),
                           std::numeric_limits<double>::infinity()}) {
    std::vector<double> probabilities = good;
    probabilities[2] = bad;
    expect_error(ErrorClass::kInvalid, "clip 1", [&] { compute_metrics(truth, probabilities, 2); });
  }
}

TEST(Metrics, json_carries_every_score_under_the_names_of_the_labels) {
  const std::vector<int> truth = {0, 1, 1, 2};
  const std::vector<double> probabilities = {1, 0, 0, 0, 1, 0, 0.5, 0.5, 0, 0, 0, 1};
  const Metrics metrics = compute_metrics(truth, probabilities, 3, 2);
  const nlohmann::json json = metrics_to_json(metrics, {"blues", "jazz", "rock"});
  EXPECT_EQ(json.at("num_clips"), 4);
  EXPECT_EQ(json.at("accuracy"), 0.75);
  EXPECT_EQ(json.at("accuracy_interval_95"),
            nlohmann::json({metrics.accuracy_low, metrics.accuracy_high}));
  EXPECT_EQ(json.at("top_k"), 2);
  EXPECT_EQ(json.at("per_class").at("jazz").at("recall"), 0.5);
  EXPECT_EQ(json.at("per_class").at("jazz").at("support"), 2);
  EXPECT_EQ(json.at("confusion"), nlohmann::json({{1, 0, 0}, {1, 1, 0}, {0, 0, 1}}));
  EXPECT_EQ(json.at("labels"), nlohmann::json({"blues", "jazz", "rock"}));
  EXPECT_EQ(json.at("macro").at("f1"), metrics.macro.f1);
  EXPECT_EQ(json.at("weighted").at("precision"), metrics.weighted.precision);
  expect_error(ErrorClass::kUsage, "2 labels", [&] { metrics_to_json(metrics, {"a", "b"}); });
}

}  // namespace
}  // namespace vggroove

#include "train/calibration.h"

#include <gtest/gtest.h>

#include "train/metrics.h"

namespace vggroove {
namespace {

constexpr double kTolerance = 1e-12;  // a handful of additions of values of at most 5

TEST(Calibration, compares_confidence_with_accuracy_in_each_bin) {
  const int truth[] = {0, 1, 1, 0, 0};
  const double probabilities[] = {0.95, 0.05, 0.95, 0.05, 0.35, 0.65, 0.45, 0.55, 1.0, 0.0};
  const Calibration calibration = calibration_of(truth, probabilities, 2);
  ASSERT_EQ(calibration.bins.size(), 10U);
  EXPECT_EQ(calibration.bins[4].num_clips, 0);
  EXPECT_EQ(calibration.bins[5].num_clips, 1);
  EXPECT_EQ(calibration.bins[5].accuracy, 0);
  EXPECT_NEAR(calibration.bins[5].confidence, 0.55, kTolerance);
  EXPECT_EQ(calibration.bins[6].accuracy, 1);
  EXPECT_EQ(calibration.bins[9].num_clips, 3) << "1.0 belongs to the last bin";
  EXPECT_NEAR(calibration.bins[9].confidence, 2.9 / 3, kTolerance);
  EXPECT_NEAR(calibration.bins[9].accuracy, 2.0 / 3, kTolerance);
  EXPECT_NEAR(calibration.expected_error, (0.55 + 0.35 + 3 * 0.3) / 5, kTolerance);
  const auto [low, high] = wilson_interval(2, 3);
  EXPECT_EQ(calibration.bins[9].accuracy_low, low);
  EXPECT_EQ(calibration.bins[9].accuracy_high, high);
}

TEST(Calibration, a_classifier_that_is_as_right_as_it_says_has_no_error) {
  const int truth[] = {0, 0, 0, 1};
  const double probabilities[] = {0.75, 0.25, 0.75, 0.25, 0.75, 0.25, 0.75, 0.25};
  EXPECT_NEAR(calibration_of(truth, probabilities, 2).expected_error, 0, kTolerance);
  EXPECT_NEAR(calibration_of(truth, probabilities, 2, 1).expected_error, 0, kTolerance);
}

}  // namespace
}  // namespace vggroove

#pragma once

#include <gtest/gtest.h>

#include <cmath>
#include <cstddef>
#include <span>

namespace vggroove::testing {

// |actual - expected|_2 / |expected|_2 in double; NaN where anything is not finite, so that a
// comparison `error <= tolerance` fails.
template <class A, class E>
double relative_l2(std::span<const A> actual, std::span<const E> expected) {
  EXPECT_EQ(actual.size(), expected.size());
  double difference = 0, norm = 0;
  for (std::size_t i = 0; i < actual.size() && i < expected.size(); ++i) {
    const double a = static_cast<double>(actual[i]), e = static_cast<double>(expected[i]);
    difference += (a - e) * (a - e);
    norm += e * e;
  }
  EXPECT_GT(norm, 0.0) << "nothing to compare with: the expected values are all zero";
  return std::sqrt(difference / norm);
}

// max |actual - expected|; NaN where anything is not finite.
template <class A, class E>
double max_abs_difference(std::span<const A> actual, std::span<const E> expected) {
  EXPECT_EQ(actual.size(), expected.size());
  double largest = 0;
  for (std::size_t i = 0; i < actual.size() && i < expected.size(); ++i) {
    const double d = std::abs(static_cast<double>(actual[i]) - static_cast<double>(expected[i]));
    if (!(d <= largest)) {
      largest = d;  // also taken when d is NaN
      if (std::isnan(d)) {
        return d;
      }
    }
  }
  return largest;
}

// Passes where error <= tolerance (so not on NaN), and says how much of the tolerance was used.
inline void expect_within(double error, double tolerance, const char* what) {
  EXPECT_TRUE(error <= tolerance) << what << ": " << error << " is " << 100 * error / tolerance
                                  << " % of the tolerance " << tolerance;
}

}  // namespace vggroove::testing

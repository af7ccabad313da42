#pragma once

#include <gtest/gtest.h>

#include <ostream>

#include "kernels/simt/report.h"

namespace vggroove::simt {

// For the names of tests.
inline void PrintTo(Order order, std::ostream* out) {
  *out << (order == Order::kForward ? "forward" : order == Order::kReverse ? "reverse" : "random");
}

}  // namespace vggroove::simt

namespace vggroove::testing {

// A fixture for TEST_P whose parameter is the order in which threads take their turns.
class InEveryOrder : public ::testing::TestWithParam<simt::Order> {
 private:
  const simt::ThreadOrder order_{GetParam(), 7};
};

inline const auto kEveryOrder =
    ::testing::Values(simt::Order::kForward, simt::Order::kReverse, simt::Order::kRandom);

}  // namespace vggroove::testing

#pragma once

#include <gtest/gtest.h>

#include <cstdint>

#include "kernels/simt/report.h"

namespace vggroove::testing {

// Passes over the banks of shared memory that a launch, or a line of it, needed and could have
// saved.
inline std::uint64_t bank_conflicts(const simt::TrafficCounts& counts) {
  return counts.shared_read.transactions - counts.shared_read.ideal_transactions +
         counts.shared_write.transactions - counts.shared_write.ideal_transactions;
}

inline double global_bytes(const simt::TrafficCounts& counts) {
  return 32 *
         static_cast<double>(counts.global_read.transactions + counts.global_write.transactions);
}

// Of the last launch. Needs a build that counts.
inline void expect_no_bank_conflicts() {
  for (const simt::LineCounts& line : simt::last_launch().lines) {
    EXPECT_EQ(bank_conflicts(line.counts), 0u) << "at " << line.place;
  }
}

}  // namespace vggroove::testing

// For tests of traffic, which only the checked build can run.
#define VGGROOVE_SKIP_UNLESS_COUNTING()                  \
  if (!::vggroove::simt::counting()) {                   \
    GTEST_SKIP() << "this build does not count traffic"; \
  }                                                      \
  static_assert(true)

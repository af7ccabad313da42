#pragma once

#include <gtest/gtest.h>

#include <hwy/highway.h>

namespace vggroove::testing {

// Runs `check` with the dispatch set to each SIMD target that this machine and build offer, the
// scalar one included, then restores the usual choice.
template <class Check>
void for_each_simd_target(const Check& check) {
  int num_targets = 0;
  for (const auto target : hwy::SupportedAndGeneratedTargets()) {
    SCOPED_TRACE(hwy::TargetName(target));
    hwy::SetSupportedTargetsForTest(target);
    check();
    ++num_targets;
  }
  hwy::SetSupportedTargetsForTest(0);
  EXPECT_GE(num_targets, 2) << "at least the baseline and one better target are expected";
}

}  // namespace vggroove::testing

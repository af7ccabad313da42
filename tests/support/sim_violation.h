#pragma once

#include <gtest/gtest.h>

#include <string>

#include "engine/backends/sim/violation.h"

namespace vggroove::testing {

// Runs `action`, in which the simulated GPU must find a violation whose message contains `words`.
template <class Action>
void expect_violation(const std::string& words, Action&& action) {
  try {
    action();
  } catch (const sim::Violation& violation) {
    EXPECT_NE(std::string(violation.what()).find(words), std::string::npos)
        << "the message lacks \"" << words << "\": " << violation.what();
    return;
  }
  ADD_FAILURE() << "no violation was found; expected \"" << words << "\"";
}

}  // namespace vggroove::testing

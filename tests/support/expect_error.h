#pragma once

#include <gtest/gtest.h>

#include <string>

#include "base/error.h"

namespace vggroove::testing {

// Runs `action`, which must throw Error of `error_class` whose message contains `words`.
template <class Action>
void expect_error(ErrorClass error_class, const std::string& words, Action&& action) {
  try {
    action();
  } catch (const Error& error) {
    EXPECT_EQ(error_class_name(error.error_class()), error_class_name(error_class)) << error.what();
    EXPECT_NE(std::string(error.what()).find(words), std::string::npos)
        << "the message lacks \"" << words << "\": " << error.what();
    return;
  }
  ADD_FAILURE() << "nothing was thrown; expected " << error_class_name(error_class) << " with \""
                << words << "\"";
}

}  // namespace vggroove::testing

#pragma once

// What tests of planted defects share.

#include <gtest/gtest.h>

#include <fstream>
#include <functional>
#include <numeric>
#include <string>

#include "base/error.h"
#include "tests/kernels/simt/defects.h"
#include "tests/support/guarded_buffer.h"

namespace vggroove::testing {

// "tests/kernels/simt/defects.cu:12", the line that ends in "// @name".
inline std::string at(const std::string& name) {
  const std::string path = "tests/kernels/simt/defects.cu", marker = "// @" + name;
  std::ifstream source(std::string(VGGROOVE_SOURCE_DIR) + '/' + path);
  int number = 1;
  for (std::string line; std::getline(source, line); ++number) {
    if (line.ends_with(marker)) {
      return path + ':' + std::to_string(number);
    }
  }
  ADD_FAILURE() << "no line is marked " << marker;
  return "";
}

// The message of the error that the launch ends with, or "".
inline std::string error_of(const std::function<void()>& launch) {
  try {
    launch();
  } catch (const Error& error) {
    return error.what();
  }
  return "";
}

struct MirrorBuffers {
  static constexpr int kNumBlocks = 3;
  GuardedBuffer x{kNumBlocks * kDefectBlock * sizeof(float)};
  GuardedBuffer y{kNumBlocks * kDefectBlock * sizeof(float)};
  MirrorBuffers() { std::iota(x.as<float>().begin(), x.as<float>().end(), 1.0f); }
  std::string run(Defect defect) {
    return error_of(
        [&] { mirror(y.as<float>().data(), x.as<float>().data(), kNumBlocks, defect); });
  }
  // Elements of y that are not what they should be.
  int num_wrong() {
    int wrong = 0;
    for (int i = 0; i < kNumBlocks * kDefectBlock; ++i) {
      const int mirrored = i / kDefectBlock * kDefectBlock + kDefectBlock - 1 - i % kDefectBlock;
      wrong += y.as<float>()[i] == x.as<float>()[mirrored] ? 0 : 1;
    }
    return wrong;
  }
};

}  // namespace vggroove::testing

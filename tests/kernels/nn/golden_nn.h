#pragma once

#include <fstream>
#include <nlohmann/json.hpp>
#include <string>

namespace vggroove::testing {

// A section of what tests/golden/nn/make_golden.py had PyTorch compute.
inline nlohmann::json golden_nn(const char* section) {
  std::ifstream file(std::string(VGGROOVE_GOLDEN_DIR) + "/nn/nn.json");
  return nlohmann::json::parse(file).at(section);
}

}  // namespace vggroove::testing

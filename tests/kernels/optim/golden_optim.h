#pragma once

#include <fstream>
#include <nlohmann/json.hpp>
#include <string>

namespace vggroove::testing {

// What tests/golden/optim/make_golden.py had PyTorch compute: a few tensors, one after the other.
inline nlohmann::json golden_optim() {
  std::ifstream file(std::string(VGGROOVE_GOLDEN_DIR) + "/optim/optim.json");
  return nlohmann::json::parse(file);
}

}  // namespace vggroove::testing

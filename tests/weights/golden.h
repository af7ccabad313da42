#pragma once

#include <cstdint>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <string>
#include <string_view>
#include <vector>

namespace vggroove::weights::testing {

inline std::filesystem::path golden(std::string_view name) {
  return std::filesystem::path(VGGROOVE_GOLDEN_DIR) / "weights" / name;
}

// What ramp() of tests/golden/weights/make_golden.py puts at flat index i; exact in every type.
inline double ramp(std::int64_t i) {
  return static_cast<double>(i) / 8 - 1;
}

inline std::vector<float> ramp_values(std::int64_t count) {
  std::vector<float> values;
  for (std::int64_t i = 0; i < count; ++i) {
    values.push_back(static_cast<float>(ramp(i)));
  }
  return values;
}

inline std::string contents(const std::filesystem::path& path) {
  std::ifstream file(path, std::ios::binary);
  return {std::istreambuf_iterator<char>(file), {}};
}

inline void put(const std::filesystem::path& path, std::string_view bytes) {
  std::ofstream(path, std::ios::binary) << bytes;
}

}  // namespace vggroove::weights::testing

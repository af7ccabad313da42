#pragma once

#include <cstddef>
#include <cstring>
#include <filesystem>
#include <string>
#include <vector>

#include "frontend/audio/audio_reader.h"
#include "weights/npz.h"

namespace vggroove::testing {

inline std::vector<float> read_all(AudioReader& reader, std::size_t step = 10000) {
  std::vector<float> all, part(step);
  while (const std::size_t count = reader.read(part)) {
    all.insert(all.end(), part.begin(), part.begin() + static_cast<std::ptrdiff_t>(count));
  }
  return all;
}

inline std::vector<float> read_all(const std::filesystem::path& path, std::size_t step = 10000) {
  AudioReader reader(path);
  return read_all(reader, step);
}

// From tests/golden/audio, which its make_golden.py made.
inline std::vector<float> golden_samples(const std::string& name) {
  const auto golden = weights::read_npz(VGGROOVE_GOLDEN_DIR "/audio/golden.npz");
  const weights::Tensor& tensor = golden.at(name).tensor;
  std::vector<float> samples(tensor.data.size() / sizeof(float));
  std::memcpy(samples.data(), tensor.data.data(), tensor.data.size());
  return samples;
}

}  // namespace vggroove::testing

#pragma once

#include <sndfile.h>

#include <algorithm>
#include <cmath>
#include <cstddef>
#include <filesystem>
#include <fstream>
#include <functional>
#include <iterator>
#include <numbers>
#include <span>
#include <stdexcept>
#include <string>
#include <vector>

namespace vggroove::testing {

struct Clip {
  int sample_rate_hz = 44100;
  int num_channels = 1;
  std::vector<float> interleaved;

  std::size_t num_frames() const {
    return interleaved.size() / static_cast<std::size_t>(num_channels);
  }
};

using Signal = std::function<double(double time_s, int channel)>;

inline Clip make_clip(int sample_rate_hz, int num_channels, double duration_s,
                      const Signal& signal) {
  Clip clip{sample_rate_hz, num_channels, {}};
  const long num_frames = std::lround(duration_s * sample_rate_hz);
  for (long frame = 0; frame < num_frames; ++frame) {
    const double time_s = static_cast<double>(frame) / sample_rate_hz;
    for (int channel = 0; channel < num_channels; ++channel) {
      clip.interleaved.push_back(static_cast<float>(signal(time_s, channel)));
    }
  }
  return clip;
}

inline Signal sine(double frequency_hz, double amplitude = 0.5) {
  return [=](double time_s, int) {
    return amplitude * std::sin(2 * std::numbers::pi * frequency_hz * time_s);
  };
}

// Harmonics with a beat and drum strokes: something for encoders to switch their blocks on.
inline Signal music() {
  return [](double time_s, int channel) {
    const double since_stroke_s = std::fmod(time_s, 0.25);
    double sum = 0;
    for (int harmonic = 1; harmonic <= 6; ++harmonic) {
      sum += 0.08 / harmonic * std::sin(2 * std::numbers::pi * 220 * harmonic * time_s + channel);
    }
    const double hash = std::sin(time_s * 1e6 + channel) * 43758.5453;
    return sum * std::exp(-4 * since_stroke_s) +
           0.3 * (hash - std::floor(hash) - 0.5) * std::exp(-60 * since_stroke_s);
  };
}

// `format` as in SF_INFO.format. `configure` runs between opening and writing.
inline void write_clip(const std::filesystem::path& path, int format, const Clip& clip,
                       const std::function<void(SNDFILE*)>& configure = {}) {
  SF_INFO info = {};
  info.samplerate = clip.sample_rate_hz;
  info.channels = clip.num_channels;
  info.format = format;
  SNDFILE* file = sf_open(path.c_str(), SFM_WRITE, &info);
  if (file == nullptr) {
    throw std::runtime_error(path.string() + ": " + sf_strerror(nullptr));
  }
  if (configure) {
    configure(file);
  }
  // In parts: libsndfile's Vorbis encoder keeps a long write on its stack.
  constexpr std::size_t kPart = 1024;
  for (std::size_t frame = 0; frame < clip.num_frames(); frame += kPart) {
    const std::size_t part = std::min(kPart, clip.num_frames() - frame);
    sf_writef_float(file,
                    clip.interleaved.data() + frame * static_cast<std::size_t>(clip.num_channels),
                    static_cast<sf_count_t>(part));
  }
  sf_close(file);
}

inline std::vector<char> bytes_of(const std::filesystem::path& path) {
  std::ifstream file(path, std::ios::binary);
  return {std::istreambuf_iterator<char>(file), {}};
}

inline void write_bytes(const std::filesystem::path& path, std::span<const char> bytes) {
  std::ofstream(path, std::ios::binary)
      .write(bytes.data(), static_cast<std::streamsize>(bytes.size()));
}

}  // namespace vggroove::testing

#pragma once

#include <cmath>
#include <cstddef>
#include <cstdint>
#include <filesystem>
#include <fstream>
#include <numbers>
#include <span>
#include <string>
#include <type_traits>
#include <vector>

namespace vggroove::testing {

// The bytes of a mono WAV file of 16-bit or fp32 samples (the machine is little endian, as is the
// format).
template <class Sample>
std::string wav_bytes(std::span<const Sample> samples, std::uint32_t sample_rate_hz) {
  static_assert(std::is_same_v<Sample, std::int16_t> || std::is_same_v<Sample, float>);
  std::string bytes;
  const auto put = [&bytes](std::uint64_t value, int num_bytes) {
    for (int i = 0; i < num_bytes; ++i) {
      bytes += static_cast<char>(value >> (8 * i) & 0xff);
    }
  };
  const std::uint64_t data_bytes = samples.size_bytes();
  bytes += "RIFF";
  put(36 + data_bytes, 4);
  bytes += "WAVEfmt ";
  put(16, 4);
  put(std::is_same_v<Sample, float> ? 3 : 1, 2);  // IEEE float or PCM
  put(1, 2);                                      // channel
  put(sample_rate_hz, 4);
  put(sizeof(Sample) * sample_rate_hz, 4);
  put(sizeof(Sample), 2);
  put(8 * sizeof(Sample), 2);
  bytes += "data";
  put(data_bytes, 4);
  bytes.append(reinterpret_cast<const char*>(samples.data()), data_bytes);
  return bytes;
}

inline void write_bytes(const std::filesystem::path& path, const std::string& bytes) {
  std::ofstream(path, std::ios::binary) << bytes;
}

// A tone that differs from file to file by its frequency, fading in so that examples differ too.
inline std::vector<std::int16_t> tone(double seconds, double frequency_hz, int sample_rate_hz) {
  std::vector<std::int16_t> samples(static_cast<std::size_t>(seconds * sample_rate_hz));
  for (std::size_t i = 0; i < samples.size(); ++i) {
    const double t = static_cast<double>(i) / sample_rate_hz;
    const double amplitude = 0.2 + 0.7 * t / seconds;
    samples[i] = static_cast<std::int16_t>(32767 * amplitude *
                                           std::sin(2 * std::numbers::pi * frequency_hz * t));
  }
  return samples;
}

inline void write_tone(const std::filesystem::path& path, double seconds, double frequency_hz = 440,
                       int sample_rate_hz = 16000) {
  write_bytes(path, wav_bytes<std::int16_t>(tone(seconds, frequency_hz, sample_rate_hz),
                                            static_cast<std::uint32_t>(sample_rate_hz)));
}

}  // namespace vggroove::testing

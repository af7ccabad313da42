#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <span>
#include <vector>

namespace vggroove {

// What identifies a recording whatever its codec, level, rate and channels: for each 20 ms one code
// of 32 bits, which say in which of 33 bands between 0.4 and 2.8 kHz the sound grows or fades more
// than in the next (after Haitsma and Kalker, "A highly robust audio fingerprinting system", 2002).
// Codes of the same music agree in most bits; codes of unrelated music in half of them.
// Code 0 stands for a place that says nothing: silence, or a sound that does not change.
using Fingerprint = std::vector<std::uint32_t>;

inline constexpr double kFingerprintCodesPerSecond = 50;

// Makes the fingerprint of samples as they come, in memory that grows with the codes alone:
// 200 bytes per second.
class FingerprintBuilder {
 public:
  FingerprintBuilder();

  void push(std::span<const float> samples);  // mono, 16 kHz
  Fingerprint finish() { return std::move(codes_); }

 private:
  static constexpr int kBits = 32, kBands = kBits + 1;
  static constexpr int kWindowFrames = 32;  // of log-mel: 0.32 s
  static constexpr int kHopFrames = 2;
  // Half a window: what grew is compared with what was, with little of the window in common.
  static constexpr int kLagHops = 8;
  using Bands = std::array<float, kBands>;

  void push_frame(const float* logmel);
  void push_smoothed(const Bands& bands);

  std::vector<float> samples_, logmel_;
  std::array<float, kWindowFrames> window_;
  std::array<Bands, kWindowFrames> recent_;  // a ring of frames
  std::array<Bands, kLagHops> smoothed_;     // a ring of hops
  std::size_t num_frames_ = 0, num_smoothed_ = 0;
  Fingerprint codes_;
};

}  // namespace vggroove

#pragma once

#include <cstddef>
#include <cstdint>
#include <span>
#include <string>
#include <vector>

#include "weights/sha256.h"

namespace vggroove {

// What the samples of one file say about its quality. Full scale is 1.
struct SignalFacts {
  std::int64_t num_frames = 0;
  float peak = 0;
  double clipped_share = 0;     // of the samples: in runs of 3 and more at full scale or beyond
  double silent_share = 0;      // of the blocks of 0.1 s: below -60 dB of full scale, DC apart
  bool channels_equal = false;  // 2 or more, which differ by less than -60 dB of their power
  std::string sha256;           // of rate, channels and samples: the same for WAV and FLAC
};

// Collects SignalFacts from decoded frames as they come.
class SignalMeter {
 public:
  explicit SignalMeter(int sample_rate_hz);

  // Frames that a stream delivers after its number of channels changed are measured alike; channels
  // then count as different.
  void push(std::span<const float> interleaved, int num_channels);
  SignalFacts finish();

 private:
  void begin(int num_channels);
  void measure_frame(const float* frame);
  void end_block();

  std::int64_t block_frames_;
  int num_channels_ = 0;
  bool channels_changed_ = false;
  SignalFacts facts_;
  weights::Sha256 sha256_;
  std::vector<std::int64_t> run_;  // [channels] samples at full scale up to here
  std::int64_t clipped_samples_ = 0, num_samples_ = 0;
  double difference_power_ = 0, power_ = 0;
  std::int64_t frames_in_block_ = 0, num_blocks_ = 0, silent_blocks_ = 0;
  std::vector<float> lowest_, highest_;  // [channels] in this block
};

}  // namespace vggroove

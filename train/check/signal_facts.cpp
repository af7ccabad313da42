#include "train/check/signal_facts.h"

#include <algorithm>
#include <array>
#include <cmath>
#include <limits>

namespace vggroove {
namespace {

// 32767 / 32768 is above, and encoders that overshoot are, too.
constexpr float kFullScale = 0.9999F;
// One or two samples at full scale are what normalising leaves at a peak.
constexpr std::int64_t kShortestRun = 3;
constexpr float kSilentRange = 2e-3F;  // from the lowest to the highest sample: -60 dB
constexpr double kEqualPower = 1e-6;   // -60 dB
constexpr int kBlocksPerSecond = 10;

}  // namespace

SignalMeter::SignalMeter(int sample_rate_hz)
    : block_frames_(std::max(sample_rate_hz / kBlocksPerSecond, 1)) {
  const std::array<int, 1> rate = {sample_rate_hz};
  sha256_.update(std::as_bytes(std::span(rate)));
}

void SignalMeter::begin(int num_channels) {
  channels_changed_ = num_channels_ != 0;
  num_channels_ = num_channels;
  const auto channels = static_cast<std::size_t>(num_channels);
  run_.assign(channels, 0);
  frames_in_block_ = 0;
  lowest_.assign(channels, std::numeric_limits<float>::infinity());
  highest_.assign(channels, -std::numeric_limits<float>::infinity());
  const std::array<int, 1> count = {num_channels};
  sha256_.update(std::as_bytes(std::span(count)));
}

void SignalMeter::measure_frame(const float* frame) {
  const auto channels = static_cast<std::size_t>(num_channels_);
  for (std::size_t channel = 0; channel < channels; ++channel) {
    const float sample = frame[channel];
    const float magnitude = std::abs(sample);
    facts_.peak = std::max(facts_.peak, magnitude);
    lowest_[channel] = std::min(lowest_[channel], sample);
    highest_[channel] = std::max(highest_[channel], sample);
    if (magnitude < kFullScale) {
      run_[channel] = 0;
    } else if (++run_[channel] >= kShortestRun) {
      clipped_samples_ += run_[channel] == kShortestRun ? kShortestRun : 1;
    }
    const double difference = double{sample} - double{frame[0]};
    difference_power_ += difference * difference;
    power_ += double{sample} * double{sample};
  }
}

void SignalMeter::end_block() {
  float widest = 0;
  for (std::size_t channel = 0; channel < lowest_.size(); ++channel) {
    widest = std::max(widest, highest_[channel] - lowest_[channel]);
  }
  ++num_blocks_;
  silent_blocks_ += widest < kSilentRange ? 1 : 0;
  frames_in_block_ = 0;
  std::fill(lowest_.begin(), lowest_.end(), std::numeric_limits<float>::infinity());
  std::fill(highest_.begin(), highest_.end(), -std::numeric_limits<float>::infinity());
}

void SignalMeter::push(std::span<const float> interleaved, int num_channels) {
  if (num_channels != num_channels_) {
    begin(num_channels);
  }
  sha256_.update(std::as_bytes(interleaved));
  const auto channels = static_cast<std::size_t>(num_channels);
  const std::size_t num_frames = interleaved.size() / channels;
  for (std::size_t frame = 0; frame < num_frames; ++frame) {
    measure_frame(interleaved.data() + frame * channels);
    if (++frames_in_block_ == block_frames_) {
      end_block();
    }
  }
  facts_.num_frames += static_cast<std::int64_t>(num_frames);
  num_samples_ += static_cast<std::int64_t>(num_frames * channels);
}

SignalFacts SignalMeter::finish() {
  if (frames_in_block_ > 0) {
    end_block();
  }
  if (num_samples_ > 0) {
    facts_.clipped_share =
        static_cast<double>(clipped_samples_) / static_cast<double>(num_samples_);
    facts_.silent_share = static_cast<double>(silent_blocks_) / static_cast<double>(num_blocks_);
  }
  facts_.channels_equal = num_channels_ > 1 && !channels_changed_ && power_ > 0 &&
                          difference_power_ <= kEqualPower * power_;
  facts_.sha256 = sha256_.hex_digest();
  return facts_;
}

}  // namespace vggroove

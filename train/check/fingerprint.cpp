#include "train/check/fingerprint.h"

#include <algorithm>
#include <cmath>
#include <numbers>

#include "frontend/logmel/logmel_frames.h"
#include "kernels/dsp/logmel.h"

namespace vggroove {
namespace {

constexpr int kFirstBand = 8;  // 433 Hz; the 33rd after it ends at 2.9 kHz, which telephones pass
constexpr std::size_t kFramesAtOnce = 96;
// Mean over the bands of mel magnitudes, where a tone of full scale gives about 100: -100 dB.
constexpr float kSilentMean = 1e-3F;
// Changes below this share of what is there are rounding, or a tone that stands still.
constexpr float kSteadyShare = 0.01F;

}  // namespace

FingerprintBuilder::FingerprintBuilder() : logmel_(kFramesAtOnce * LogMelSpec::kNumBands) {
  for (int i = 0; i < kWindowFrames; ++i) {
    window_[static_cast<std::size_t>(i)] = static_cast<float>(
        (1 - std::cos(2 * std::numbers::pi * (i + 0.5) / kWindowFrames)) / kWindowFrames);
  }
}

void FingerprintBuilder::push(std::span<const float> samples) {
  samples_.insert(samples_.end(), samples.begin(), samples.end());
  std::size_t first = 0;
  for (;;) {
    const std::size_t num_frames = std::min(
        kFramesAtOnce, static_cast<std::size_t>(
                           num_logmel_frames(static_cast<std::int64_t>(samples_.size() - first))));
    if (num_frames == 0) {
      break;
    }
    logmel_frames(samples_.data() + first, num_frames, logmel_.data());
    for (std::size_t frame = 0; frame < num_frames; ++frame) {
      push_frame(logmel_.data() + frame * LogMelSpec::kNumBands);
    }
    first += num_frames * LogMelSpec::kHopSamples;
  }
  samples_.erase(samples_.begin(), samples_.begin() + static_cast<std::ptrdiff_t>(first));
}

void FingerprintBuilder::push_frame(const float* logmel) {
  Bands& bands = recent_[num_frames_ % kWindowFrames];
  for (std::size_t band = 0; band < kBands; ++band) {
    // Back to what scales with the level, so that the bits do not depend on it. The root lets
    // quiet bands have their say beside loud neighbours.
    const float magnitude =
        std::exp(logmel[kFirstBand + band]) - static_cast<float>(LogMelSpec::kLogOffset);
    bands[band] = std::sqrt(std::max(magnitude, 0.0F));
  }
  ++num_frames_;
  if (num_frames_ < kWindowFrames || num_frames_ % kHopFrames != 0) {
    return;
  }
  Bands smooth = {};
  for (std::size_t i = 0; i < kWindowFrames; ++i) {
    const Bands& frame = recent_[(num_frames_ + i) % kWindowFrames];  // from the oldest on
    for (std::size_t band = 0; band < kBands; ++band) {
      smooth[band] += window_[i] * frame[band];
    }
  }
  push_smoothed(smooth);
}

void FingerprintBuilder::push_smoothed(const Bands& bands) {
  Bands& before = smoothed_[num_smoothed_ % kLagHops];
  if (num_smoothed_ >= kLagHops) {
    std::uint32_t code = 0;
    float sum = 0, change = 0;
    for (std::size_t bit = 0; bit < kBits; ++bit) {
      const float difference = (bands[bit] - bands[bit + 1]) - (before[bit] - before[bit + 1]);
      code |= difference > 0 ? std::uint32_t{1} << bit : 0;
      sum += bands[bit];
      change += std::abs(difference);
    }
    const bool is_silent = sum < kBits * std::sqrt(kSilentMean);
    codes_.push_back(is_silent || change < kSteadyShare * sum ? 0 : code);
  }
  before = bands;
  ++num_smoothed_;
}

}  // namespace vggroove

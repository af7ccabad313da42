#pragma once

#include <cmath>
#include <cstddef>
#include <cstdint>
#include <numbers>
#include <vector>

#include "tests/support/audio_clip.h"
#include "train/random.h"

namespace vggroove::testing {

// Music of a machine: `groove` decides tempo and drum pattern, played from the same samples each
// time; `notes` decides the melody of three voices. Stereo: the voices are spread.
inline Clip machine_music(std::uint64_t notes, std::uint64_t groove, double seconds,
                          int sample_rate_hz = 22050) {
  const auto num_frames = static_cast<std::size_t>(seconds * sample_rate_hz);
  Clip clip{sample_rate_hz, 2, std::vector<float>(2 * num_frames)};
  const auto add = [&](std::size_t frame, double left, double right) {
    clip.interleaved[2 * frame] += static_cast<float>(left);
    clip.interleaved[2 * frame + 1] += static_cast<float>(right);
  };
  Random beat(groove, 1);
  const double step_s = 0.11 + 0.05 * beat.uniform();
  std::vector<bool> snare(16), hat(16);
  for (std::size_t step = 0; step < 16; ++step) {
    snare[step] = beat.uniform() < 0.3;
    hat[step] = beat.uniform() < 0.6;
  }
  Random melody(notes, 2);
  const auto num_steps = static_cast<std::size_t>(seconds / step_s);
  for (std::size_t step = 0; step < num_steps; ++step) {
    const auto begin =
        static_cast<std::size_t>(static_cast<double>(step) * step_s * sample_rate_hz);
    const auto length =
        std::min(static_cast<std::size_t>(2 * step_s * sample_rate_hz), num_frames - begin);
    Random noise(groove, 3);  // a sample: the same at each stroke
    for (std::size_t i = 0; i < length; ++i) {
      const double t = static_cast<double>(i) / sample_rate_hz, hiss = noise.uniform() - 0.5;
      const double drums = (snare[step % 16] ? 0.25 * hiss * std::exp(-25 * t) : 0) +
                           (hat[step % 16] ? 0.08 * hiss * std::exp(-80 * t) : 0);
      add(begin + i, drums, drums);
    }
    for (int voice = 0; voice < 3; ++voice) {
      if (melody.uniform() < 0.4) {
        continue;
      }
      const double hz = 110 * std::exp2(static_cast<double>(melody.below(36)) / 12);
      const double left = 0.05 + 0.05 * voice, right = 0.15 - 0.05 * voice;
      for (std::size_t i = 0; i < length; ++i) {
        const double t = static_cast<double>(i) / sample_rate_hz;
        const double phase = 2 * std::numbers::pi * hz * t;
        const double tone = (std::sin(phase) + 0.5 * std::sin(2 * phase) +
                             0.3 * std::sin(3 * phase) + 0.2 * std::sin(5 * phase)) *
                            std::exp(-6 * t);
        add(begin + i, left * tone, right * tone);
      }
    }
  }
  return clip;
}

inline Clip mono_of(const Clip& clip) {
  Clip mono{clip.sample_rate_hz, 1, {}};
  for (std::size_t frame = 0; frame < clip.num_frames(); ++frame) {
    mono.interleaved.push_back((clip.interleaved[2 * frame] + clip.interleaved[2 * frame + 1]) / 2);
  }
  return mono;
}

inline Clip louder(Clip clip, float gain) {
  for (float& sample : clip.interleaved) {
    sample *= gain;
  }
  return clip;
}

inline Clip cut(const Clip& clip, double begin_s, double end_s) {
  const auto at = [&](double second) {
    return clip.interleaved.begin() +
           static_cast<std::ptrdiff_t>(second * clip.sample_rate_hz) * clip.num_channels;
  };
  return {clip.sample_rate_hz, clip.num_channels, {at(begin_s), at(end_s)}};
}

}  // namespace vggroove::testing

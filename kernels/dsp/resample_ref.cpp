#include <algorithm>
#include <cmath>
#include <numeric>

#include "kernels/dsp/resample.h"

namespace vggroove {

void resample_ref(double* output, const double* input, std::int64_t num_input_frames,
                  int num_channels, int input_rate_hz, int output_rate_hz) {
  const int common = std::gcd(input_rate_hz, output_rate_hz);
  const int up = output_rate_hz / common, down = input_rate_hz / common;
  const int taps = make_resample_filter(input_rate_hz, output_rate_hz).taps;
  for (std::int64_t n = 0; n < num_resampled(num_input_frames, up, down); ++n) {
    const double time = static_cast<double>(n) * down / up;  // in input frames
    const auto first = static_cast<std::int64_t>(std::floor(time)) - taps;
    const std::int64_t begin = std::max<std::int64_t>(first, 0);
    const std::int64_t end = std::min(first + 2 * taps + 1, num_input_frames);
    double sum = 0;
    for (std::int64_t frame = begin; frame < end; ++frame) {
      const double* samples = input + frame * num_channels;
      const double mean = std::accumulate(samples, samples + num_channels, 0.0) / num_channels;
      sum += mean * resample_impulse(time - static_cast<double>(frame), input_rate_hz,
                                     output_rate_hz, taps);
    }
    output[n] = sum;
  }
}

}  // namespace vggroove

#include "kernels/dsp/resample_filter.h"

#include <algorithm>
#include <cmath>
#include <cstdint>
#include <numbers>
#include <numeric>
#include <string>

#include "base/error.h"

namespace vggroove {
namespace {

// Kaiser's formulas (Kaiser 1974) for the stopband, with a margin of 4 dB for the response's ripple
// at the band's edge.
constexpr double kAttenuationDb = 104;
constexpr double kBeta = 0.1102 * (kAttenuationDb - 8.7);
constexpr double kTransition = 1.0 / 8;  // from 15/16 to 17/16, of the lower Nyquist frequency

// The lower Nyquist frequency over the input's.
double cutoff(int input_rate_hz, int output_rate_hz) {
  return std::min(1.0, static_cast<double>(output_rate_hz) / input_rate_hz);
}

int num_taps(int input_rate_hz, int output_rate_hz) {
  if (input_rate_hz == output_rate_hz) {
    return 2;  // the sinc's value at 0, and one of its zeros
  }
  const double transition_radians =
      std::numbers::pi * kTransition * cutoff(input_rate_hz, output_rate_hz);
  const double length = (kAttenuationDb - 7.95) / (2.285 * transition_radians);
  return 2 * static_cast<int>(std::ceil(length / 2));
}

}  // namespace

double resample_impulse(double offset, int input_rate_hz, int output_rate_hz, int taps) {
  const int half = taps / 2;
  const double place = offset / half;  // -1 to 1 within the window
  if (std::abs(place) > 1) {
    return 0;
  }
  const double scale = cutoff(input_rate_hz, output_rate_hz);
  const double angle = std::numbers::pi * scale * offset;
  const double sinc = offset == 0 ? 1 : std::sin(angle) / angle;
  const double window =
      std::cyl_bessel_i(0.0, kBeta * std::sqrt(1 - place * place)) / std::cyl_bessel_i(0.0, kBeta);
  return scale * sinc * window;
}

ResampleFilter make_resample_filter(int input_rate_hz, int output_rate_hz) {
  const auto refuse = [&](const std::string& why) {
    throw Error(ErrorClass::kUnsupported, "resampling from " + std::to_string(input_rate_hz) +
                                              " Hz to " + std::to_string(output_rate_hz) +
                                              " Hz: " + why);
  };
  if (input_rate_hz <= 0 || output_rate_hz <= 0) {
    refuse("rates must be positive");
  }
  const int common = std::gcd(input_rate_hz, output_rate_hz);
  ResampleFilter filter;
  filter.up = output_rate_hz / common;
  filter.down = input_rate_hz / common;
  filter.taps = num_taps(input_rate_hz, output_rate_hz);
  if (static_cast<std::int64_t>(filter.up) * filter.taps > kMaxResampleCoefficients) {
    refuse("the two rates have too small a common divisor; resample on the host");
  }
  filter.coefficients.resize(static_cast<std::size_t>(filter.up) * filter.taps);
  const int half = filter.taps / 2;
  for (int n = 0; n < filter.up; ++n) {
    const auto numerator = static_cast<std::int64_t>(n) * filter.down;
    const double fraction = static_cast<double>(numerator % filter.up) / filter.up;
    for (int tap = 0; tap < filter.taps; ++tap) {
      const double offset = fraction + half - 1 - tap;
      filter.coefficients[static_cast<std::size_t>(tap) * filter.up + n] =
          static_cast<float>(resample_impulse(offset, input_rate_hz, output_rate_hz, filter.taps));
    }
  }
  return filter;
}

}  // namespace vggroove

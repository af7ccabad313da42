#pragma once

#include <vector>

namespace vggroove {

// A windowed sinc for changing the rate by up / down, in lowest terms, made in double precision.
//   passband  to 15/16 of the lower of the two Nyquist frequencies: within 1e-4 dB
//   stopband  from 17/16 of it: -100 dB
// From 44.1 kHz to 16 kHz that is 7.5 and 8.5 kHz: what little folds back lies above 7.5 kHz, where
// the mel bands end.
struct ResampleFilter {
  int up = 1, down = 1;
  int taps = 2;  // for each output; even
  // [taps, up] row-major: output n is the sum over tap j of coefficients[j, n % up] times input
  // n * down / up - taps / 2 + 1 + j (rounded down). Neighbouring outputs use neighbouring values.
  std::vector<float> coefficients;
};

// Tables of more values than this, 4 MB, are refused: such rates share next to no factor with the
// output's. (384 kHz takes 2464, 44.1 kHz 45 440.)
inline constexpr int kMaxResampleCoefficients = 1 << 20;

// Throws Error(kUnsupported) on a rate that is not positive or whose table would be too large.
ResampleFilter make_resample_filter(int input_rate_hz, int output_rate_hz);

// The impulse response that the filter samples, at `offset` input samples from its centre, `taps`
// long.
double resample_impulse(double offset, int input_rate_hz, int output_rate_hz, int taps);

}  // namespace vggroove

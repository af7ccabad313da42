#pragma once

#include <cstddef>

#include "kernels/dsp/mel_bands.h"

namespace vggroove {

// The first half of logmel_frames alone, for tests and the benchmark: the magnitudes of the
// windowed frames' 512-point FFT.
//   samples     at least (num_frames - 1) * 160 + 400 values
//   magnitudes  [num_frames, kSpectrumBins] row-major; bin 0 is not computed (its mel row is zero)
//               and reads 0
void spectrum_frames(const float* samples, std::size_t num_frames, float* magnitudes);

}  // namespace vggroove

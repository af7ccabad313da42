#pragma once

#include <cstddef>

namespace vggroove {

// Bins 0..239: the bands need no other. Bin 0 is not computed (its mel row is zero) and reads 0.
inline constexpr int kSpectrumBins = 240;

// The first half of logmel_frames alone, for tests and the benchmark: the magnitudes of the
// windowed frames' 512-point FFT.
//   samples     at least (num_frames - 1) * 160 + 400 values
//   magnitudes  [num_frames, 240] row-major
void spectrum_frames(const float* samples, std::size_t num_frames, float* magnitudes);

}  // namespace vggroove

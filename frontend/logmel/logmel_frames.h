#pragma once

#include <cstddef>

#include "kernels/dsp/logmel.h"
#include "kernels/dsp/mel_bands.h"

namespace vggroove {

// Frames of log-mel from samples, with the SIMD of this machine (run-time dispatch).
//   samples  at least (num_frames - 1) * 160 + 400 values: mono, 16 kHz
//   logmel   [num_frames, 64] row-major
// Within 2e-6 of logmel_ref where no sample exceeds full scale. A frame's values do not depend on
// its neighbours or on num_frames, bit for bit. NaN samples give NaN in their frames; infinite or
// enormous ones (beyond 1e16) give values without meaning, there only.
void logmel_frames(const float* samples, std::size_t num_frames, float* logmel);

// The first half of logmel_frames alone, for tests and the benchmark: the magnitudes of the
// windowed frames' 512-point FFT.
//   samples     at least (num_frames - 1) * 160 + 400 values
//   magnitudes  [num_frames, kSpectrumBins] row-major; bin 0 is not computed (its mel row is zero)
//               and reads 0
void spectrum_frames(const float* samples, std::size_t num_frames, float* magnitudes);

}  // namespace vggroove

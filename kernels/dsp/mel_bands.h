#pragma once

#include "kernels/dsp/logmel.h"

namespace vggroove {

// The mel matrix without its zeros: band b is the sum over i < num_bins of
// weights[first_weight + i] * magnitude[first_bin + i].
struct MelBand {
  int first_bin = 0;
  int num_bins = 0;
  int first_weight = 0;
};

inline constexpr int kMelWeights = 461;
// Bins 0..239: the bands need no other.
inline constexpr int kSpectrumBins = 240;

// Plain arrays, small enough to ride in a kernel's parameters (2.6 kB).
struct MelBands {
  MelBand bands[LogMelSpec::kNumBands];
  float weights[kMelWeights];
};

// From mel_matrix_ref, each weight rounded once.
MelBands mel_bands();

}  // namespace vggroove

#pragma once

#include <array>

#include "kernels/dsp/logmel.h"

namespace vggroove {

// 512 = 32 x 16: sample n = 16 j + column, bin k = row + 32 q. The first pass makes a 32-point real
// FFT of every column, the second a 16-point complex FFT of every row; between them, element (row,
// column) is turned by e^(2 pi i row column / 512).
inline constexpr int kFftRows = 32;
inline constexpr int kFftColumns = 16;
inline constexpr int kTurnedRows = kFftRows / 2 - 1;  // rows 1..15; rows 0 and 16 are real

// The mel matrix without its zeros: band b is the sum over i < num_bins of
// weights[first_weight + i] * magnitude[first_bin + i].
struct MelBand {
  int first_bin = 0;
  int num_bins = 0;
  int first_weight = 0;
};

inline constexpr int kMelWeights = 461;

// Everything that the transform looks up, computed once in double precision from LogMelSpec.
struct LogMelTables {
  std::array<double, LogMelSpec::kWindowSamples> window;
  std::array<double, kFftColumns * kTurnedRows> turn_cosine;  // [column, row - 1]
  std::array<double, kFftColumns * kTurnedRows> turn_sine;    // [column, row - 1]
  std::array<MelBand, LogMelSpec::kNumBands> bands;
  std::array<float, kMelWeights> weights;
};

const LogMelTables& logmel_tables();

}  // namespace vggroove

#pragma once

#include <array>

#include "kernels/dsp/mel_bands.h"

namespace vggroove {

// 512 = 32 x 16: sample n = 16 j + column, bin k = row + 32 q. The first pass makes a 32-point real
// FFT of every column, the second a 16-point complex FFT of every row; between them, element (row,
// column) is turned by e^(2 pi i row column / 512).
inline constexpr int kFftRows = 32;
inline constexpr int kFftColumns = 16;
inline constexpr int kTurnedRows = kFftRows / 2 - 1;  // rows 1..15; rows 0 and 16 are real

// Everything that the transform looks up, computed once in double precision from LogMelSpec.
struct LogMelTables : MelBands {
  std::array<double, LogMelSpec::kWindowSamples> window;
  std::array<double, kFftColumns * kTurnedRows> turn_cosine;  // [column, row - 1]
  std::array<double, kFftColumns * kTurnedRows> turn_sine;    // [column, row - 1]
};

const LogMelTables& logmel_tables();

}  // namespace vggroove

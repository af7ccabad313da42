#include "frontend/logmel/logmel_tables.h"

#include <cmath>
#include <numbers>

namespace vggroove {
namespace {

LogMelTables make_tables() {
  LogMelTables tables;
  static_cast<MelBands&>(tables) = mel_bands();
  for (int i = 0; i < LogMelSpec::kWindowSamples; ++i) {
    tables.window[i] =
        0.5 - 0.5 * std::cos(2.0 * std::numbers::pi * i / LogMelSpec::kWindowSamples);
  }
  for (int column = 0; column < kFftColumns; ++column) {
    for (int row = 1; row <= kTurnedRows; ++row) {
      const double angle = 2.0 * std::numbers::pi * row * column / LogMelSpec::kFftSize;
      tables.turn_cosine[column * kTurnedRows + row - 1] = std::cos(angle);
      tables.turn_sine[column * kTurnedRows + row - 1] = std::sin(angle);
    }
  }
  return tables;
}

}  // namespace

const LogMelTables& logmel_tables() {
  static const LogMelTables tables = make_tables();
  return tables;
}

}  // namespace vggroove

#include "frontend/logmel/logmel_tables.h"

#include <cmath>
#include <numbers>
#include <stdexcept>
#include <vector>

#include "frontend/logmel/logmel_frames.h"

namespace vggroove {
namespace {

void fill_mel_bands(LogMelTables& tables) {
  constexpr int kBands = LogMelSpec::kNumBands;
  std::vector<double> matrix(LogMelSpec::kNumBins * kBands);
  mel_matrix_ref(matrix.data());
  int num_weights = 0;
  for (int band = 0; band < kBands; ++band) {
    MelBand& mel = tables.bands[band];
    mel.first_weight = num_weights;
    for (int bin = 0; bin < LogMelSpec::kNumBins; ++bin) {
      const double weight = matrix[bin * kBands + band];
      if (weight > 0) {
        mel.first_bin = mel.num_bins == 0 ? bin : mel.first_bin;
        ++mel.num_bins;
        tables.weights.at(num_weights++) = static_cast<float>(weight);
      }
    }
  }
  const MelBand& last = tables.bands.back();
  if (num_weights != kMelWeights || last.first_bin + last.num_bins > kSpectrumBins) {
    throw std::logic_error("LogMelSpec contradicts kMelWeights or kSpectrumBins");
  }
}

LogMelTables make_tables() {
  LogMelTables tables;
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
  fill_mel_bands(tables);
  return tables;
}

}  // namespace

const LogMelTables& logmel_tables() {
  static const LogMelTables tables = make_tables();
  return tables;
}

}  // namespace vggroove

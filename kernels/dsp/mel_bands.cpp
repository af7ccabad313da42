#include "kernels/dsp/mel_bands.h"

#include <stdexcept>
#include <vector>

namespace vggroove {

MelBands mel_bands() {
  constexpr int kBands = LogMelSpec::kNumBands;
  MelBands mel;
  std::vector<double> matrix(LogMelSpec::kNumBins * kBands);
  mel_matrix_ref(matrix.data());
  int num_weights = 0;
  for (int index = 0; index < kBands; ++index) {
    MelBand& band = mel.bands[index];
    band.first_weight = num_weights;
    for (int bin = 0; bin < LogMelSpec::kNumBins; ++bin) {
      const double weight = matrix[bin * kBands + index];
      if (weight > 0) {
        band.first_bin = band.num_bins == 0 ? bin : band.first_bin;
        ++band.num_bins;
        if (num_weights < kMelWeights) {
          mel.weights[num_weights] = static_cast<float>(weight);
        }
        ++num_weights;
      }
    }
  }
  const MelBand& last = mel.bands[kBands - 1];
  if (num_weights != kMelWeights || last.first_bin + last.num_bins > kSpectrumBins) {
    throw std::logic_error("LogMelSpec contradicts kMelWeights or kSpectrumBins");
  }
  return mel;
}

}  // namespace vggroove

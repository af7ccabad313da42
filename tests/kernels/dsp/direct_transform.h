#pragma once

#include <cmath>
#include <cstdint>
#include <numbers>
#include <vector>

#include "kernels/dsp/logmel.h"

namespace vggroove::testing {

// A RealTransform for log-mel v1 to v3 by the definition, on the host.
inline void direct_transform(Stream /*stream*/, SpectrumBin* spectra, const double* frames,
                             std::int64_t num_frames) {
  constexpr int kFftSize = LogMelSpec::kFftSize;
  constexpr int kBins = LogMelSpec::kNumBins;
  std::vector<double> cosines(kFftSize), sines(kFftSize);
  for (int i = 0; i < kFftSize; ++i) {
    cosines[i] = std::cos(2 * std::numbers::pi * i / kFftSize);
    sines[i] = std::sin(2 * std::numbers::pi * i / kFftSize);
  }
  for (std::int64_t frame = 0; frame < num_frames; ++frame) {
    for (int bin = 0; bin < kBins; ++bin) {
      SpectrumBin sum{0, 0};
      for (int i = 0; i < kFftSize; ++i) {
        sum.re += frames[frame * kFftSize + i] * cosines[i * bin % kFftSize];
        sum.im -= frames[frame * kFftSize + i] * sines[i * bin % kFftSize];
      }
      spectra[frame * kBins + bin] = sum;
    }
  }
}

}  // namespace vggroove::testing

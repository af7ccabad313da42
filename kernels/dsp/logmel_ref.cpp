#include <algorithm>
#include <cmath>
#include <numbers>
#include <vector>

#include "kernels/dsp/logmel.h"

namespace vggroove {

double hz_to_mel(double hz) {
  return 1127.0 * std::log(1.0 + hz / 700.0);
}

void mel_matrix_ref(double* matrix) {
  constexpr int kBands = LogMelSpec::kNumBands;
  constexpr int kBins = LogMelSpec::kNumBins;
  const double low_mel = hz_to_mel(LogMelSpec::kLowHz);
  const double high_mel = hz_to_mel(LogMelSpec::kHighHz);
  const auto edge = [&](int i) { return low_mel + (high_mel - low_mel) * i / (kBands + 1); };
  for (int bin = 0; bin < kBins; ++bin) {
    const double mel = hz_to_mel(LogMelSpec::kSampleRateHz / 2.0 * bin / (kBins - 1));
    for (int band = 0; band < kBands; ++band) {
      const double rising = (mel - edge(band)) / (edge(band + 1) - edge(band));
      const double falling = (edge(band + 2) - mel) / (edge(band + 2) - edge(band + 1));
      matrix[bin * kBands + band] = bin == 0 ? 0.0 : std::max(0.0, std::min(rising, falling));
    }
  }
}

void logmel_ref(const double* samples, std::int64_t num_samples, double* logmel) {
  constexpr int kBands = LogMelSpec::kNumBands;
  constexpr int kBins = LogMelSpec::kNumBins;
  constexpr int kFftSize = LogMelSpec::kFftSize;
  std::vector<double> mel(kBins * kBands);
  mel_matrix_ref(mel.data());
  std::vector<double> cosine(kFftSize), sine(kFftSize), window(LogMelSpec::kWindowSamples);
  for (int i = 0; i < kFftSize; ++i) {
    cosine[i] = std::cos(2.0 * std::numbers::pi * i / kFftSize);
    sine[i] = std::sin(2.0 * std::numbers::pi * i / kFftSize);
  }
  for (int i = 0; i < LogMelSpec::kWindowSamples; ++i) {
    window[i] = 0.5 - 0.5 * std::cos(2.0 * std::numbers::pi * i / LogMelSpec::kWindowSamples);
  }
  const std::int64_t num_frames = num_logmel_frames(num_samples);
  for (std::int64_t frame = 0; frame < num_frames; ++frame) {
    const double* x = samples + frame * LogMelSpec::kHopSamples;
    double sums[kBands] = {};
    for (int bin = 0; bin < kBins; ++bin) {
      double real = 0, imaginary = 0;
      for (int i = 0; i < LogMelSpec::kWindowSamples; ++i) {
        const double value = x[i] * window[i];
        real += value * cosine[(i * bin) % kFftSize];
        imaginary -= value * sine[(i * bin) % kFftSize];
      }
      const double magnitude = std::sqrt(real * real + imaginary * imaginary);
      for (int band = 0; band < kBands; ++band) {
        sums[band] += magnitude * mel[bin * kBands + band];
      }
    }
    for (int band = 0; band < kBands; ++band) {
      logmel[frame * kBands + band] = std::log(sums[band] + LogMelSpec::kLogOffset);
    }
  }
}

}  // namespace vggroove

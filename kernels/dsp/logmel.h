#pragma once

#include <cstdint>

namespace vggroove {

// The front end of VGGish, exactly (tensorflow/models, research/audioset/vggish, vggish_params.py).
// These constants stand here once; every implementation and every model file takes them from here.
struct LogMelSpec {
  static constexpr int kSampleRateHz = 16000;
  static constexpr int kWindowSamples = 400;  // 25 ms, periodic Hann
  static constexpr int kHopSamples = 160;     // 10 ms
  static constexpr int kFftSize = 512;        // 400 samples and 112 zeros
  static constexpr int kNumBins = kFftSize / 2 + 1;
  static constexpr int kNumBands = 64;
  static constexpr double kLowHz = 125.0;
  static constexpr double kHighHz = 7500.0;
  static constexpr double kLogOffset = 0.01;    // ln(mel + offset), mel from magnitudes
  static constexpr int kExampleFrames = 96;     // one example: [96, 64], 0.96 s
  static constexpr int kExampleHopFrames = 96;  // examples do not overlap
  static constexpr int kExampleValues = kExampleFrames * kNumBands;
  // Samples that the first example needs: 95 hops and one window.
  static constexpr int kFirstExampleSamples = (kExampleFrames - 1) * kHopSamples + kWindowSamples;
  static constexpr int kExampleHopSamples = kExampleHopFrames * kHopSamples;
};

// Frames of a signal: incomplete tails are dropped, nothing is padded.
constexpr std::int64_t num_logmel_frames(std::int64_t num_samples) {
  return num_samples < LogMelSpec::kWindowSamples
             ? 0
             : 1 + (num_samples - LogMelSpec::kWindowSamples) / LogMelSpec::kHopSamples;
}

constexpr std::int64_t num_logmel_examples(std::int64_t num_samples) {
  return num_logmel_frames(num_samples) / LogMelSpec::kExampleFrames;
}

// Reference: double precision throughout, a direct 512-point DFT, the dense mel matrix.
//   samples  [num_samples] mono, 16 kHz, full scale is [-1, 1)
//   logmel   [num_logmel_frames(num_samples), 64] row-major
void logmel_ref(const double* samples, std::int64_t num_samples, double* logmel);

// The mel scale of HTK: 1127 ln(1 + hz / 700).
double hz_to_mel(double hz);

// The mel matrix of the definition, [257, 64] row-major, double precision: triangles that are
// linear in mel (not in Hz), peak 1, no area normalisation, DC row 0.
void mel_matrix_ref(double* matrix);

}  // namespace vggroove

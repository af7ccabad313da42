#pragma once

#include <cstdint>
#include <functional>
#include <vector>

#include "kernels/common/stream.h"

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

// On a GPU
// --------
// A ragged batch of clips is mono PCM at 16 kHz in one buffer; each clip begins at a multiple of
// kClipAlignmentSamples (a sector of 32 bytes, of int16). What its clips hold is told by the first
// samples of their examples, so clips too short for an example cost nothing.
struct ClipSamples {
  std::int64_t first_sample;
  std::int64_t num_samples;
};
inline constexpr int kClipAlignmentSamples = 16;

// First sample of every example, clip after clip. Throws Error(kUsage) on a clip that does not
// begin at a multiple of kClipAlignmentSamples.
std::vector<std::int64_t> logmel_example_starts(const std::vector<ClipSamples>& clips);

// All versions compute the same, and transform in double precision: in single precision a quiet
// band next to a full-scale tone holds rounding errors of the tone, and the logarithm makes 7e-4 of
// them.
//   logmel          [num_examples, 96, 64]; v4: of float or, from int16, of BFloat16
//   samples         of float, full scale is [-1, 1), or of int16, full scale is [-32768, 32767]
//                   (v1: int16, v3: float); 32-byte aligned
//   example_starts  [num_examples] multiples of kClipAlignmentSamples, in samples
// 0 examples launch nothing.

// v4, what the product uses: one launch.
//   max_blocks      how many blocks the device runs at a time (kLogmelBlocksPerMultiprocessor
//   each);
//                   more gain nothing, fewer make each of them do more
// Traffic: per example 30.7 kB of int16 or 61.4 kB of float (and 5 % again where tiles of 32 frames
// overlap), 24.6 kB out
inline constexpr int kLogmelBlocksPerMultiprocessor = 2;
template <class Out, class In>
void logmel(Stream stream, Out* logmel, const In* samples, const std::int64_t* example_starts,
            std::int64_t num_examples, int max_blocks);

// v3: a library's transform that loads windowed PCM and stores magnitudes itself
// (logmel_callbacks.cuh), then mel and logarithm. Traffic: per frame 0.6 kB of PCM, 1 kB written
// and read, 0.25 kB out
//   magnitudes  [96 num_examples, 257] workspace, where info's points to
//   transform   runs it over num_frames frames, with a LogMelCallerInfo as the callbacks'
//   caller_info
struct LogMelCallerInfo {  // all pointers on the device, and the struct too
  const float* samples;
  const std::int64_t* example_starts;
  const double* window;  // [400], logmel_window()
  float* magnitudes;
};
std::vector<double> logmel_window();
using CallbackTransform = std::function<void(Stream stream, std::int64_t num_frames)>;
void logmel_v3(Stream stream, float* logmel, const float* magnitudes, std::int64_t num_examples,
               const CallbackTransform& transform);

// v1 and v2 leave the transform to a library: spectra [n, 257] = the real FFT of frames [n, 512].
struct SpectrumBin {
  double re, im;
};
using RealTransform = std::function<void(Stream stream, SpectrumBin* spectra, const double* frames,
                                         std::int64_t num_frames)>;

// v2: window | transform | magnitude, mel and logarithm.
// Traffic: per frame 0.3 kB of int16 or 0.6 kB of float, 4 kB written and read, 4.1 kB written and
// read, 0.25 kB out
//   frames   [96 num_examples, 512] workspace
//   spectra  [96 num_examples, 257] workspace
template <class In>
void logmel_v2(Stream stream, float* logmel, const In* samples, const std::int64_t* example_starts,
               std::int64_t num_examples, double* frames, SpectrumBin* spectra,
               const RealTransform& transform);

// v1: the formulas of a textbook, one launch each: window | transform | magnitude | mel |
// logarithm.
//   mel_matrix  [257, 64], mel_matrix_ref's rounded to float
//   magnitudes  [96 num_examples, 257] workspace; frames and spectra as for v2
void logmel_v1(Stream stream, float* logmel, const std::int16_t* pcm,
               const std::int64_t* example_starts, std::int64_t num_examples,
               const float* mel_matrix, double* frames, SpectrumBin* spectra, float* magnitudes,
               const RealTransform& transform);

}  // namespace vggroove

#pragma once

// What the versions of log-mel share on the device: the definition, and the way from the magnitudes
// of 32 frames to log-mel values.

#include <cstdint>
#include <type_traits>

#include "kernels/common/bfloat16.h"
#include "kernels/dsp/logmel.h"
#include "kernels/dsp/mel_bands.h"
#include "kernels/simt/simt.h"

namespace vggroove::logmel_device {

inline constexpr int kWindow = LogMelSpec::kWindowSamples;
inline constexpr int kHop = LogMelSpec::kHopSamples;
inline constexpr int kFftSize = LogMelSpec::kFftSize;
inline constexpr int kBins = LogMelSpec::kNumBins;
inline constexpr int kBands = LogMelSpec::kNumBands;
inline constexpr int kExampleFrames = LogMelSpec::kExampleFrames;
inline constexpr float kLogOffset = static_cast<float>(LogMelSpec::kLogOffset);
inline constexpr int kThreads = 256;

// What brings full scale to 1.
template <class In>
inline constexpr double kSampleScale = std::is_same_v<In, std::int16_t> ? 1.0 / 32768 : 1.0;

__device__ __forceinline__ double window_value(int sample) {
  return 0.5 - 0.5 * cospi(2.0 * sample / kWindow);
}

__device__ __forceinline__ std::int64_t frame_start(const std::int64_t* example_starts,
                                                    std::int64_t frame) {
  return example_starts[frame / kExampleFrames] + frame % kExampleFrames * kHop;
}

template <class Out>
__device__ __forceinline__ Out rounded_to(float value) {
  if constexpr (std::is_same_v<Out, BFloat16>) {
    return to_bfloat16(value);
  } else {
    return value;
  }
}

// ---- mel, logarithm and output of a tile of 32 frames, for v2 and v4 ----

inline constexpr int kTileFrames = 32;
inline constexpr int kWarps = kThreads / 32;
inline constexpr int kTileValues = kTileFrames * kBands;
inline constexpr int kTilesPerExample = kExampleFrames / kTileFrames;
static_assert(kTilesPerExample * kTileFrames == kExampleFrames);

// Strides in shared memory, in floats. Odd, so that 32 lanes read one bin or write one band of 32
// frames without bank conflicts.
inline constexpr int kFirstBin = 5;  // of the lowest band
inline constexpr int kMagnitudeStride = kSpectrumBins - kFirstBin;
inline constexpr int kLogMelStride = kBands + 1;

// The row of magnitudes that holds a frame: an even frame and the next lie 16 rows, so with an odd
// stride 16 banks, apart. A warp that writes 16 bins of both does so without conflicts.
__device__ __forceinline__ int magnitude_row(int frame) {
  return frame / 2 + frame % 2 * 16;
}

// lane = frame, and a warp goes through one band after the other: its weights are the same for all
// lanes, so they come from the kernel's parameters at no cost in shared memory.
__device__ __forceinline__ void mel_log_of_tile(float* logmel, const float* magnitudes,
                                                const MelBands& mel) {
  const int warp = static_cast<int>(threadIdx.x) / 32, frame = static_cast<int>(threadIdx.x) % 32;
  const float* row = magnitudes + magnitude_row(frame) * kMagnitudeStride - kFirstBin;
  for (int i = 0; i < kBands / kWarps; ++i) {
    // There and back, since the bands widen: every warp has 56 to 61 bins.
    const int band = i * kWarps + (i % 2 == 0 ? warp : kWarps - 1 - warp);
    const int num_bins = mel.bands[band].num_bins, first_bin = mel.bands[band].first_bin;
    const int first_weight = mel.bands[band].first_weight;
    float sum = 0;
    for (int bin = 0; bin < num_bins; ++bin) {
      sum += mel.weights[first_weight + bin] * row[first_bin + bin];
    }
    logmel[frame * kLogMelStride + band] = __logf(sum + kLogOffset);
  }
}

template <class Out>
__device__ __forceinline__ void store_tile(Out* out, const float* logmel) {
#pragma unroll
  for (int i = 0; i < kTileValues / kThreads; ++i) {
    const int value = i * kThreads + static_cast<int>(threadIdx.x);
    out[value] = rounded_to<Out>(logmel[value / kBands * kLogMelStride + value % kBands]);
  }
}

// The square root to 2 units in the last place, from one instruction; 0 for 0.
__device__ __forceinline__ float magnitude_of(double power) {
  const float rounded = static_cast<float>(power);
  return rounded * rsqrtf(rounded + 1e-30F);
}

}  // namespace vggroove::logmel_device

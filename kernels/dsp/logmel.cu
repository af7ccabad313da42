// Log-mel examples from PCM: the ladder from a textbook's formulas (v1) over hand-written
// kernels on both sides of a library's FFT (v2) and inside it (v3) to everything in one launch (v4,
// the product).
//
// All share a definition: example e, frame f begins at sample example_starts[e] + 160 f.
#include "kernels/dsp/logmel.h"

#include <algorithm>
#include <cmath>
#include <numbers>
#include <string>

#include "base/error.h"
#include "kernels/dsp/logmel_fft.cuh"
#include "kernels/dsp/logmel_tile.cuh"
#include "kernels/simt/simt.h"

namespace vggroove {
namespace {

using namespace logmel_device;

unsigned blocks_for(std::int64_t num_threads) {
  return static_cast<unsigned>((num_threads + kThreads - 1) / kThreads);
}

// ---- v1 ----

// What it does: frames[frame, i] = window[i] * pcm / 32768, and zeros from sample 400 on.
// Owns:    thread = one sample of a frame
// Traffic: per frame 0.8 kB read (2.5 times what there is), 4 kB written
// Needs:   -
// Bound:   80 % of the memory's peak
__global__ void __launch_bounds__(kThreads)
    logmel_v1_window_kernel(double* __restrict__ frames, const std::int16_t* __restrict__ pcm,
                            const std::int64_t* __restrict__ example_starts,
                            std::int64_t num_frames) {
  const std::int64_t index = static_cast<std::int64_t>(blockIdx.x) * kThreads + threadIdx.x;
  const std::int64_t frame = index / kFftSize;
  const int sample = static_cast<int>(index % kFftSize);
  if (frame < num_frames) {
    frames[index] = sample < kWindow ? kSampleScale<std::int16_t> * window_value(sample) *
                                           pcm[frame_start(example_starts, frame) + sample]
                                     : 0.0;
  }
}

// What it does: magnitudes[i] = |spectra[i]|.
// Owns:    thread = one bin of a frame
// Traffic: per frame 4.1 kB read, 1 kB written
// Needs:   -
// Bound:   90 % of the memory's peak
__global__ void __launch_bounds__(kThreads)
    logmel_v1_magnitude_kernel(float* __restrict__ magnitudes,
                               const SpectrumBin* __restrict__ spectra, std::int64_t num_values) {
  const std::int64_t index = static_cast<std::int64_t>(blockIdx.x) * kThreads + threadIdx.x;
  if (index < num_values) {
    const SpectrumBin bin = spectra[index];
    magnitudes[index] = static_cast<float>(sqrt(bin.re * bin.re + bin.im * bin.im));
  }
}

// What it does: mel[frame, band] = sum over bins of magnitudes[frame, bin] * mel_matrix[bin, band].
// Owns:    thread = one band of a frame
// Traffic: per frame 1 kB read, 0.25 kB written; the matrix, 66 kB of which 97 % are zeros, once a
//          frame from the cache
// Needs:   -
// Bound:   the cache: 257 products where 7 are not zero
__global__ void __launch_bounds__(kThreads)
    logmel_v1_mel_kernel(float* __restrict__ mel, const float* __restrict__ magnitudes,
                         const float* __restrict__ mel_matrix, std::int64_t num_frames) {
  const std::int64_t index = static_cast<std::int64_t>(blockIdx.x) * kThreads + threadIdx.x;
  const std::int64_t frame = index / kBands;
  const int band = static_cast<int>(index % kBands);
  if (frame < num_frames) {
    float sum = 0;
    for (int bin = 0; bin < kBins; ++bin) {
      sum += magnitudes[frame * kBins + bin] * mel_matrix[bin * kBands + band];
    }
    mel[index] = sum;
  }
}

// What it does: logmel[i] = ln(logmel[i] + 0.01), in place.
// Owns:    thread = one value
// Traffic: per frame 0.25 kB read, 0.25 kB written
// Needs:   -
// Bound:   90 % of the memory's peak
__global__ void __launch_bounds__(kThreads)
    logmel_v1_log_kernel(float* logmel, std::int64_t num_values) {
  const std::int64_t index = static_cast<std::int64_t>(blockIdx.x) * kThreads + threadIdx.x;
  if (index < num_values) {
    logmel[index] = logf(logmel[index] + kLogOffset);
  }
}

// ---- v2 ----

__device__ __forceinline__ double2 pair_at(const std::int16_t* samples) {
  const short2 pair = *reinterpret_cast<const short2*>(samples);
  return make_double2(pair.x, pair.y);
}
__device__ __forceinline__ double2 pair_at(const float* samples) {
  const float2 pair = *reinterpret_cast<const float2*>(samples);
  return make_double2(pair.x, pair.y);
}

// What it does: frames[frame, i] = window[i] * sample, scaled, and zeros from sample 400 on.
// Owns:    block = kWindowFrames frames; thread = samples 2 i and 2 i + 1 of each, so it computes
// its
//          two values of the window once
// Traffic: per frame 0.8 kB (float: 1.6 kB) read, of which 60 % from the cache, 4 kB written
// Needs:   clips begin at even samples
// Bound:   90 % of the memory's peak
constexpr int kWindowFrames = 32;
template <class In>
__global__ void __launch_bounds__(kThreads)
    logmel_v2_window_kernel(double* __restrict__ frames, const In* __restrict__ samples,
                            const std::int64_t* __restrict__ example_starts) {
  const int sample = 2 * static_cast<int>(threadIdx.x);
  const bool inside = sample < kWindow;
  const double even = inside ? kSampleScale<In> * window_value(sample) : 0;
  const double odd = inside ? kSampleScale<In> * window_value(sample + 1) : 0;
  const std::int64_t first_frame = static_cast<std::int64_t>(blockIdx.x) * kWindowFrames;
  const std::int64_t start = frame_start(example_starts, first_frame);
#pragma unroll 4
  for (int i = 0; i < kWindowFrames; ++i) {
    const double2 pair = inside ? pair_at(samples + start + i * kHop + sample) : make_double2(0, 0);
    double* frame = frames + (first_frame + i) * kFftSize;
    *reinterpret_cast<double2*>(frame + sample) = make_double2(even * pair.x, odd * pair.y);
  }
}
static_assert(kFftSize == 2 * kThreads && kExampleFrames % kWindowFrames == 0);

__device__ __forceinline__ float magnitude_at(const SpectrumBin* bin) {
  const double2 value = *reinterpret_cast<const double2*>(bin);
  return magnitude_of(value.x * value.x + value.y * value.y);
}
// v3: the transform's callback has stored magnitudes.
__device__ __forceinline__ float magnitude_at(const float* magnitude) {
  return *magnitude;
}

// What it does: magnitude, mel and logarithm of spectra.
// Owns:    block = a tile of 32 frames; warp = every 8th frame, then 8 bands; lane = every 32nd
// bin,
//          then one frame
// Traffic: per frame 3.8 kB (v3: 0.9 kB) read, 0.25 kB written
// Needs:   -
// Bound:   90 % of the memory's peak
template <class Bin>
__global__ void __launch_bounds__(kThreads)
    logmel_v2_mel_kernel(float* __restrict__ logmel, const Bin* __restrict__ spectra,
                         const __grid_constant__ MelBands mel) {
  __shared__ float magnitudes[kTileFrames * kMagnitudeStride];
  __shared__ float tile[kTileFrames * kLogMelStride];
  const std::int64_t first_frame = static_cast<std::int64_t>(blockIdx.x) * kTileFrames;
  const int warp = static_cast<int>(threadIdx.x) / 32, lane = static_cast<int>(threadIdx.x) % 32;
  for (int frame = warp; frame < kTileFrames; frame += kWarps) {
    const Bin* spectrum = spectra + (first_frame + frame) * kBins + kFirstBin;
    for (int i = lane; i < kMagnitudeStride; i += 32) {
      magnitudes[magnitude_row(frame) * kMagnitudeStride + i] = magnitude_at(spectrum + i);
    }
  }
  __syncthreads();
  mel_log_of_tile(tile, magnitudes, mel);
  __syncthreads();
  store_tile(logmel + first_frame * kBands, tile);
}

// ---- v4 ----

// What it does: PCM -> log-mel examples, transforming as logmel_fft.cuh says.
// Owns:    block = tiles of 32 frames (a third of an example), every gridDim.x-th; half a warp = a
//          frame in the transform; then warp = 8 bands and lane = a frame. Frames of one warp are
//          neighbours: 160 int16 are 80 words, so their reads fall into opposite halves of the
//          banks; of float, half a warp's pairs take all banks once
// Traffic: per tile 10.7 kB (float: 21.4 kB) read (4.7 % twice: tiles overlap by 240 samples),
//          8.2 kB (bf16: 4.1 kB) written. Tables are computed, and weights ride in the parameters
// Needs:   example_starts multiples of 8, samples and logmel 16-byte aligned
// Bound:   80 % of shared memory's peak: 159 (float: 168) passes over the banks a frame, as simt
// counts. FP64
//          comes second: 530 operations a thread and frame, 133 clocks at 64 lanes a clock.
//          Predicted: 1.6 G frames/s on an H100, 30 % of its memory's peak
template <class Out, class In>
__global__ void __launch_bounds__(kThreads, kLogmelBlocksPerMultiprocessor)
    logmel_v4_kernel(Out* __restrict__ logmel, const In* __restrict__ samples,
                     const std::int64_t* __restrict__ example_starts, int num_tiles,
                     const __grid_constant__ MelBands mel) {
  auto& shared = *simt::dynamic_shared<LogMelV4Shared<In>>();
  const int thread = static_cast<int>(threadIdx.x);
  uint4 chunks[kChunksAhead];
  const auto source_of = [&](int tile) {
    const std::int64_t start = frame_start(example_starts, std::int64_t{tile} * kTileFrames);
    return reinterpret_cast<const uint4*>(samples + start);
  };
  const auto load_tile = [&](int tile) {
    const uint4* from = source_of(tile);
#pragma unroll
    for (int i = 0; i < kChunksAhead; ++i) {
      if (i * kThreads + thread < kTileChunks<In>) {
        chunks[i] = from[i * kThreads + thread];
      }
    }
  };
  const auto place_tile = [&](int tile) {
#pragma unroll
    for (int i = 0; i < kChunksAhead; ++i) {
      if (i * kThreads + thread < kTileChunks<In>) {
        shared.samples[i * kThreads + thread] = chunks[i];
      }
    }
    if constexpr (kTileChunks < In >> kChunksAhead * kThreads) {
      const uint4* from = source_of(tile);
      for (int i = kChunksAhead * kThreads + thread; i < kTileChunks<In>; i += kThreads) {
        shared.samples[i] = from[i];
      }
    }
  };

  int tile = static_cast<int>(blockIdx.x);
  load_tile(tile);
  fill_tables(shared);
  place_tile(tile);
  for (;;) {
    __syncthreads();  // samples are there; the previous tile is out
#pragma unroll 1
    for (int frame = thread / kFrameThreads; frame < kTileFrames; frame += kRoundFrames) {
      magnitudes_of_frame(shared, frame, thread % kFrameThreads);
    }
    __syncthreads();  // magnitudes are there; samples and exchange are free
    const int next = tile + static_cast<int>(gridDim.x);
    if (next < num_tiles) {
      load_tile(next);  // arrives behind the mel product
    }
    mel_log_of_tile(shared.logmel, shared.magnitudes, mel);
    if (next < num_tiles) {
      place_tile(next);
    }
    __syncthreads();  // log-mel is there
    store_tile(logmel + std::int64_t{tile} * kTileValues, shared.logmel);
    if (next >= num_tiles) {
      return;
    }
    tile = next;
  }
}

const MelBands& mel_bands_once() {
  static const MelBands bands = mel_bands();
  return bands;
}

}  // namespace

std::vector<std::int64_t> logmel_example_starts(const std::vector<ClipSamples>& clips) {
  std::vector<std::int64_t> starts;
  for (const ClipSamples& clip : clips) {
    if (clip.first_sample % kClipAlignmentSamples != 0) {
      throw Error(ErrorClass::kUsage,
                  "log-mel: a clip begins at sample " + std::to_string(clip.first_sample) +
                      ", which is not a multiple of " + std::to_string(kClipAlignmentSamples));
    }
    for (std::int64_t example = 0; example < num_logmel_examples(clip.num_samples); ++example) {
      starts.push_back(clip.first_sample + example * LogMelSpec::kExampleHopSamples);
    }
  }
  return starts;
}

void logmel_v1(Stream stream, float* logmel, const std::int16_t* pcm,
               const std::int64_t* example_starts, std::int64_t num_examples,
               const float* mel_matrix, double* frames, SpectrumBin* spectra, float* magnitudes,
               const RealTransform& transform) {
  if (num_examples == 0) {
    return;
  }
  const std::int64_t num_frames = num_examples * kExampleFrames;
  simt::launch(logmel_v1_window_kernel, blocks_for(num_frames * kFftSize), kThreads, 0, stream,
               frames, pcm, example_starts, num_frames);
  transform(stream, spectra, frames, num_frames);
  simt::launch(logmel_v1_magnitude_kernel, blocks_for(num_frames * kBins), kThreads, 0, stream,
               magnitudes, spectra, num_frames * kBins);
  simt::launch(logmel_v1_mel_kernel, blocks_for(num_frames * kBands), kThreads, 0, stream, logmel,
               magnitudes, mel_matrix, num_frames);
  simt::launch(logmel_v1_log_kernel, blocks_for(num_frames * kBands), kThreads, 0, stream, logmel,
               num_frames * kBands);
}

template <class In>
void logmel_v2(Stream stream, float* logmel, const In* samples, const std::int64_t* example_starts,
               std::int64_t num_examples, double* frames, SpectrumBin* spectra,
               const RealTransform& transform) {
  if (num_examples == 0) {
    return;
  }
  const std::int64_t num_frames = num_examples * kExampleFrames;
  simt::launch(logmel_v2_window_kernel<In>, static_cast<unsigned>(num_frames / kWindowFrames),
               kThreads, 0, stream, frames, samples, example_starts);
  transform(stream, spectra, frames, num_frames);
  simt::launch(logmel_v2_mel_kernel<SpectrumBin>, static_cast<unsigned>(num_frames / kTileFrames),
               kThreads, 0, stream, logmel, spectra, mel_bands_once());
}

std::vector<double> logmel_window() {
  std::vector<double> window(kWindow);
  for (int i = 0; i < kWindow; ++i) {
    window[i] = 0.5 - 0.5 * std::cos(2 * std::numbers::pi * i / kWindow);
  }
  return window;
}

void logmel_v3(Stream stream, float* logmel, const float* magnitudes, std::int64_t num_examples,
               const CallbackTransform& transform) {
  if (num_examples == 0) {
    return;
  }
  const std::int64_t num_frames = num_examples * kExampleFrames;
  transform(stream, num_frames);
  simt::launch(logmel_v2_mel_kernel<float>, static_cast<unsigned>(num_frames / kTileFrames),
               kThreads, 0, stream, logmel, magnitudes, mel_bands_once());
}

template <class Out, class In>
void logmel(Stream stream, Out* logmel, const In* samples, const std::int64_t* example_starts,
            std::int64_t num_examples, int max_blocks) {
  if (num_examples == 0) {
    return;
  }
  const int num_tiles = static_cast<int>(num_examples * kTilesPerExample);
  simt::launch(logmel_v4_kernel<Out, In>, static_cast<unsigned>(std::min(num_tiles, max_blocks)),
               kThreads, sizeof(LogMelV4Shared<In>), stream, logmel, samples, example_starts,
               num_tiles, mel_bands_once());
}

#define VGGROOVE_INSTANTIATE_V2(In)                                                              \
  template void logmel_v2(Stream, float*, const In*, const std::int64_t*, std::int64_t, double*, \
                          SpectrumBin*, const RealTransform&)
VGGROOVE_INSTANTIATE_V2(std::int16_t);
VGGROOVE_INSTANTIATE_V2(float);
#undef VGGROOVE_INSTANTIATE_V2

#define VGGROOVE_INSTANTIATE_V4(Out, In) \
  template void logmel(Stream, Out*, const In*, const std::int64_t*, std::int64_t, int)
VGGROOVE_INSTANTIATE_V4(float, std::int16_t);
VGGROOVE_INSTANTIATE_V4(BFloat16, std::int16_t);
VGGROOVE_INSTANTIATE_V4(float, float);
#undef VGGROOVE_INSTANTIATE_V4

}  // namespace vggroove

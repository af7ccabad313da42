// Log-mel examples from int16 PCM: the ladder from a textbook's formulas (v1) over hand-written
// kernels on both sides of a library's FFT (v2) to everything in one launch (v4, the product).
//
// The three share a definition: example e, frame f begins at sample example_starts[e] + 160 f.
#include "kernels/dsp/logmel.h"

#include <algorithm>
#include <numbers>
#include <type_traits>

#include "base/error.h"
#include "kernels/common/bfloat16.h"
#include "kernels/dsp/fft16.cuh"
#include "kernels/dsp/mel_bands.h"
#include "kernels/simt/simt.h"

namespace vggroove {
namespace {

constexpr int kWindow = LogMelSpec::kWindowSamples;
constexpr int kHop = LogMelSpec::kHopSamples;
constexpr int kFftSize = LogMelSpec::kFftSize;
constexpr int kBins = LogMelSpec::kNumBins;
constexpr int kBands = LogMelSpec::kNumBands;
constexpr int kExampleFrames = LogMelSpec::kExampleFrames;
constexpr float kLogOffset = static_cast<float>(LogMelSpec::kLogOffset);
constexpr double kPcmScale = 1.0 / 32768;
constexpr int kThreads = 256;

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
    frames[index] = sample < kWindow ? kPcmScale * window_value(sample) *
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

// ---- mel, logarithm and output of a tile of 32 frames, for v2 and v4 ----

constexpr int kTileFrames = 32;
constexpr int kWarps = kThreads / 32;
constexpr int kTileValues = kTileFrames * kBands;
constexpr int kTilesPerExample = kExampleFrames / kTileFrames;
static_assert(kTilesPerExample * kTileFrames == kExampleFrames);

// Strides in shared memory, in floats. Odd, so that 32 lanes read one bin or write one band of 32
// frames without bank conflicts.
constexpr int kFirstBin = 5;  // of the lowest band
constexpr int kMagnitudeStride = kSpectrumBins - kFirstBin;
constexpr int kLogMelStride = kBands + 1;

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

// ---- v2 ----

// What it does: frames[frame, i] = window[i] * pcm / 32768, and zeros from sample 400 on.
// Owns:    block = kWindowFrames frames; thread = samples 2 i and 2 i + 1 of each, so it computes its
//          two values of the window once
// Traffic: per frame 0.8 kB read, of which 0.5 kB from the cache, 4 kB written
// Needs:   clips begin at even samples
// Bound:   90 % of the memory's peak
constexpr int kWindowFrames = 32;
__global__ void __launch_bounds__(kThreads)
    logmel_v2_window_kernel(double* __restrict__ frames, const std::int16_t* __restrict__ pcm,
                            const std::int64_t* __restrict__ example_starts) {
  const int sample = 2 * static_cast<int>(threadIdx.x);
  const bool inside = sample < kWindow;
  const double even = inside ? kPcmScale * window_value(sample) : 0;
  const double odd = inside ? kPcmScale * window_value(sample + 1) : 0;
  const std::int64_t first_frame = static_cast<std::int64_t>(blockIdx.x) * kWindowFrames;
  const std::int64_t start = frame_start(example_starts, first_frame);
#pragma unroll 4
  for (int i = 0; i < kWindowFrames; ++i) {
    const short2 pair = inside ? *reinterpret_cast<const short2*>(pcm + start + i * kHop + sample)
                               : make_short2(0, 0);
    double* frame = frames + (first_frame + i) * kFftSize;
    *reinterpret_cast<double2*>(frame + sample) = make_double2(even * pair.x, odd * pair.y);
  }
}
static_assert(kFftSize == 2 * kThreads && kExampleFrames % kWindowFrames == 0);

// What it does: magnitude, mel and logarithm of spectra.
// Owns:    block = a tile of 32 frames; warp = every 8th frame, then 8 bands; lane = every 32nd bin,
//          then one frame
// Traffic: per frame 3.8 kB read, 0.25 kB (bf16: 0.13 kB) written
// Needs:   -
// Bound:   90 % of the memory's peak
template <class Out>
__global__ void __launch_bounds__(kThreads)
    logmel_v2_mel_kernel(Out* __restrict__ logmel, const SpectrumBin* __restrict__ spectra,
                         const __grid_constant__ MelBands mel) {
  __shared__ float magnitudes[kTileFrames * kMagnitudeStride];
  __shared__ float tile[kTileFrames * kLogMelStride];
  const std::int64_t first_frame = static_cast<std::int64_t>(blockIdx.x) * kTileFrames;
  const int warp = static_cast<int>(threadIdx.x) / 32, lane = static_cast<int>(threadIdx.x) % 32;
  for (int frame = warp; frame < kTileFrames; frame += kWarps) {
    const SpectrumBin* spectrum = spectra + (first_frame + frame) * kBins + kFirstBin;
    for (int i = lane; i < kMagnitudeStride; i += 32) {
      const double2 bin = *reinterpret_cast<const double2*>(spectrum + i);
      magnitudes[magnitude_row(frame) * kMagnitudeStride + i] =
          magnitude_of(bin.x * bin.x + bin.y * bin.y);
    }
  }
  __syncthreads();
  mel_log_of_tile(tile, magnitudes, mel);
  __syncthreads();
  store_tile(logmel + first_frame * kBands, tile);
}

// ---- v4 ----
//
// Two lanes' worth of ideas:
// 512 real samples are 256 complex ones, z[n] = x[2n] + i x[2n + 1]. 256 = 16 x 16: thread t of the 16
// that share a frame transforms z[t], z[t + 16], ... in registers, turns the results, exchanges them
// with the other 15 through shared memory, and transforms again; it then holds bins t, t + 16, ...
// of Z. The spectrum of x needs Z[k] and Z[256 - k]: the latter are registers of thread 16 - t, one
// shuffle away.

constexpr int kFrameThreads = 16;
constexpr int kRoundFrames = kThreads / kFrameThreads;  // in work at a time
constexpr int kHalfFft = kFftSize / 2;
constexpr int kTileSamples = (kTileFrames - 1) * kHop + kWindow;
constexpr int kTileChunks = kTileSamples / 8;  // of 16 bytes
constexpr int kChunksPerThread = (kTileChunks + kThreads - 1) / kThreads;
static_assert(kTileSamples % 8 == 0 && kHalfFft == kFrameThreads * kFrameThreads);

// A frame's 16 x 16 exchange. A row of 17 keeps rows and columns free of bank conflicts.
constexpr int kExchangeStride = kFrameThreads + 1;

struct LogMelV4Shared {
  uint4 pcm[kTileChunks];
  float magnitudes[kTileFrames * kMagnitudeStride];
  // Doubles stand in planes, not in pairs: 16 lanes read 16 neighbours, once over all banks.
  double window[2][kWindow / 2];  // [sample % 2, sample / 2], scaled
  double turn_re[kFrameThreads - 1][kFrameThreads], turn_im[kFrameThreads - 1][kFrameThreads];
  double split_re[kFrameThreads], split_im[kFrameThreads];
  union {
    double exchange[kRoundFrames][kFrameThreads * kExchangeStride];  // real parts, then imaginary
    float logmel[kTileFrames * kLogMelStride];
  };
};
// Two blocks share a multiprocessor of 164 kB (sm_80), of which each block costs 1 kB more than it
// uses; one of 100 kB (sm_120) holds one.
static_assert(kLogmelBlocksPerMultiprocessor * (sizeof(LogMelV4Shared) + 1024) <= 164 * 1024);

// e^(-2 pi i index / 512)
__device__ __forceinline__ Complex root_of_512(int index) {
  return {cospi(2.0 * index / kFftSize), -sinpi(2.0 * index / kFftSize)};
}

__device__ __forceinline__ void fill_tables(LogMelV4Shared& shared) {
  const int thread = static_cast<int>(threadIdx.x);
  for (int sample = thread; sample < kWindow; sample += kThreads) {
    // The half belongs to the split of the spectrum.
    shared.window[sample % 2][sample / 2] = 0.5 * kPcmScale * window_value(sample);
  }
  const int row = thread / kFrameThreads, column = thread % kFrameThreads;
  if (row < kFrameThreads - 1) {
    const Complex turn = root_of_512(2 * (row + 1) * column);
    shared.turn_re[row][column] = turn.re;
    shared.turn_im[row][column] = turn.im;
  } else {
    const Complex split = root_of_512(column);
    shared.split_re[column] = split.re;
    shared.split_im[column] = split.im;
  }
}

// z[place of bin k] of lane n -> z[n] of lane k, among the 16 lanes of a frame.
__device__ __forceinline__ void transpose(Complex (&z)[16], double* exchange, int lane) {
#pragma unroll
  for (int bin = 0; bin < 16; ++bin) {
    exchange[bin * kExchangeStride + lane] = z[fft16_place(bin)].re;
  }
  __syncwarp();
  double re[16];
#pragma unroll
  for (int i = 0; i < 16; ++i) {
    re[i] = exchange[lane * kExchangeStride + i];
  }
  __syncwarp();
#pragma unroll
  for (int bin = 0; bin < 16; ++bin) {
    exchange[bin * kExchangeStride + lane] = z[fft16_place(bin)].im;
  }
  __syncwarp();
#pragma unroll
  for (int i = 0; i < 16; ++i) {
    z[i] = {re[i], exchange[lane * kExchangeStride + i]};
  }
  __syncwarp();
}

// From Z, bin 16 i + lane at z[fft16_place(i)], to the magnitudes of the real signal's bins. `split` is
// e^(-2 pi i lane / 512).
__device__ __forceinline__ void store_magnitudes(const Complex (&z)[16], Complex split,
                                                 float* magnitudes, int lane) {
  // e^(-2 pi i k / 32)
  constexpr Complex kRoots[8] = {{1.0, 0.0},
                                 {0.98078528040323044913, -0.19509032201612826785},
                                 {0.92387953251128675613, -0.38268343236508977173},
                                 {0.83146961230254523708, -0.55557023301960222474},
                                 {0.70710678118654752440, -0.70710678118654752440},
                                 {0.55557023301960222474, -0.83146961230254523708},
                                 {0.38268343236508977173, -0.92387953251128675613},
                                 {0.19509032201612826785, -0.98078528040323044913}};
  const bool first = lane == 0;
#pragma unroll
  for (int i = 0; i < 8; ++i) {
    // The mirror image of bin 16 i + lane is 16 (15 - i) + (16 - lane), of lane 16 - lane; lane 0 is
    // its own partner, with images 16 (16 - i). Its bin 0 is not wanted and gives way to bin 128,
    // which is its own image.
    const Complex own = i == 0 && first ? z[fft16_place(8)] : z[fft16_place(i)];
    const Complex sent = first ? z[fft16_place(i == 0 ? 8 : 16 - i)] : z[fft16_place(15 - i)];
    const int partner = (kFrameThreads - lane) % kFrameThreads;
    const Complex image =
        conjugate({__shfl_sync(0xffffffff, sent.re, partner, kFrameThreads),
                   __shfl_sync(0xffffffff, sent.im, partner, kFrameThreads)});
    const Complex even = own + image;
    Complex odd = times_minus_i(own - image) * split;
    if (i == 0) {
      odd = first ? times_minus_i(odd) : odd;
    } else {
      odd = odd * kRoots[i];
    }
    const int bin = i == 0 && first ? kHalfFft / 2 : i * kFrameThreads + lane;
    const Complex low = even + odd, high = even - odd;
    if (bin >= kFirstBin) {
      magnitudes[bin] = magnitude_of(low.re * low.re + low.im * low.im);
    }
    const int image_bin = kHalfFft - bin;
    if (i > 0 && image_bin < kSpectrumBins) {
      magnitudes[image_bin] = magnitude_of(high.re * high.re + high.im * high.im);
    }
  }
}

// The magnitudes that the bands need of one frame, by 16 lanes.
__device__ __forceinline__ void magnitudes_of_frame(LogMelV4Shared& shared, int frame, int lane) {
  const int* pairs = reinterpret_cast<const int*>(shared.pcm) + frame * (kHop / 2);
  Complex z[16];
#pragma unroll
  for (int i = 0; i < 16; ++i) {
    const int n = i * 16 + lane;
    if (n < kWindow / 2) {
      const int pair = pairs[n];  // little-endian: the earlier sample is the lower half
      z[i] = {shared.window[0][n] * static_cast<std::int16_t>(pair & 0xffff),
              shared.window[1][n] * (pair >> 16)};
    } else {
      z[i] = {0, 0};
    }
  }
  fft16(z);
#pragma unroll
  for (int bin = 1; bin < 16; ++bin) {
    Complex& value = z[fft16_place(bin)];
    value = value * Complex{shared.turn_re[bin - 1][lane], shared.turn_im[bin - 1][lane]};
  }
  transpose(z, shared.exchange[frame % kRoundFrames], lane);
  fft16(z);
  store_magnitudes(z, {shared.split_re[lane], shared.split_im[lane]},
                   shared.magnitudes + magnitude_row(frame) * kMagnitudeStride - kFirstBin, lane);
}

// What it does: int16 PCM -> log-mel examples, see above.
// Owns:    block = tiles of 32 frames (a third of an example), every gridDim.x-th; half a warp = a
//          frame in the transform; then warp = 8 bands and lane = a frame. Frames of one warp are
//          neighbours: 160 samples are 80 words, so their reads fall into opposite halves of the banks
// Traffic: per tile 10.7 kB read (4.7 % twice: tiles overlap by 240 samples), 8.2 kB (bf16: 4.1 kB)
//          written. Tables are computed, and weights ride in the parameters
// Needs:   example_starts multiples of 8, pcm and logmel 16-byte aligned
// Bound:   FP64 pipe: 530 operations a thread and frame. Predicted, at 64 lanes a clock and
//          multiprocessor: 133 clocks a frame, 1.7 G frames/s on an H100, 30 % of its memory's peak
template <class Out>
__global__ void __launch_bounds__(kThreads, kLogmelBlocksPerMultiprocessor)
    logmel_v4_kernel(Out* __restrict__ logmel, const std::int16_t* __restrict__ pcm,
                     const std::int64_t* __restrict__ example_starts, int num_tiles,
                     const __grid_constant__ MelBands mel) {
  LogMelV4Shared& shared = *simt::dynamic_shared<LogMelV4Shared>();
  const int thread = static_cast<int>(threadIdx.x);
  uint4 chunks[kChunksPerThread];
  const auto load_tile = [&](int tile) {
    const std::int64_t start = frame_start(example_starts, std::int64_t{tile} * kTileFrames);
    const uint4* from = reinterpret_cast<const uint4*>(pcm + start);
#pragma unroll
    for (int i = 0; i < kChunksPerThread; ++i) {
      if (i * kThreads + thread < kTileChunks) {
        chunks[i] = from[i * kThreads + thread];
      }
    }
  };
  const auto place_tile = [&] {
#pragma unroll
    for (int i = 0; i < kChunksPerThread; ++i) {
      if (i * kThreads + thread < kTileChunks) {
        shared.pcm[i * kThreads + thread] = chunks[i];
      }
    }
  };

  int tile = static_cast<int>(blockIdx.x);
  load_tile(tile);
  fill_tables(shared);
  place_tile();
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
      place_tile();
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
      throw Error(ErrorClass::kUsage, "log-mel: a clip begins at sample " +
                                          std::to_string(clip.first_sample) +
                                          ", which is not a multiple of " +
                                          std::to_string(kClipAlignmentSamples));
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

template <class Out>
void logmel_v2(Stream stream, Out* logmel, const std::int16_t* pcm,
               const std::int64_t* example_starts, std::int64_t num_examples, double* frames,
               SpectrumBin* spectra, const RealTransform& transform) {
  if (num_examples == 0) {
    return;
  }
  const std::int64_t num_frames = num_examples * kExampleFrames;
  simt::launch(logmel_v2_window_kernel, static_cast<unsigned>(num_frames / kWindowFrames), kThreads,
               0, stream, frames, pcm, example_starts);
  transform(stream, spectra, frames, num_frames);
  simt::launch(logmel_v2_mel_kernel<Out>, static_cast<unsigned>(num_frames / kTileFrames), kThreads,
               0, stream, logmel, spectra, mel_bands_once());
}

template <class Out>
void logmel(Stream stream, Out* logmel, const std::int16_t* pcm, const std::int64_t* example_starts,
            std::int64_t num_examples, int max_blocks) {
  if (num_examples == 0) {
    return;
  }
  const int num_tiles = static_cast<int>(num_examples * kTilesPerExample);
  simt::launch(logmel_v4_kernel<Out>, static_cast<unsigned>(std::min(num_tiles, max_blocks)),
               kThreads, sizeof(LogMelV4Shared), stream, logmel, pcm, example_starts, num_tiles,
               mel_bands_once());
}

#define VGGROOVE_INSTANTIATE(Out)                                                              \
  template void logmel_v2(Stream, Out*, const std::int16_t*, const std::int64_t*, std::int64_t, \
                          double*, SpectrumBin*, const RealTransform&);                        \
  template void logmel(Stream, Out*, const std::int16_t*, const std::int64_t*, std::int64_t, int)
VGGROOVE_INSTANTIATE(float);
VGGROOVE_INSTANTIATE(BFloat16);
#undef VGGROOVE_INSTANTIATE

}  // namespace vggroove

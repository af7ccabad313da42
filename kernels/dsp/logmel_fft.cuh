#pragma once

// The transform of log-mel v4, by 16 threads a frame.
//
// 512 real samples are 256 complex ones, z[n] = x[2n] + i x[2n + 1], and 256 = 16 x 16: thread t of
// the 16 transforms z[t], z[t + 16], ... in registers, turns the results, exchanges them with the
// other 15 through shared memory, and transforms again. It then holds bins t, t + 16, ... of Z. The
// spectrum of x needs Z[k] and Z[256 - k]; the latter are registers of thread 16 - t, one shuffle
// away.

#include "kernels/dsp/fft16.cuh"
#include "kernels/dsp/logmel_tile.cuh"

namespace vggroove::logmel_device {

inline constexpr int kFrameThreads = 16;
inline constexpr int kRoundFrames = kThreads / kFrameThreads;  // in work at a time
inline constexpr int kHalfFft = kFftSize / 2;
inline constexpr int kTileSamples = (kTileFrames - 1) * kHop + kWindow;
template <class In>
inline constexpr int kTileChunks = static_cast<int>(kTileSamples * sizeof(In) / 16);  // of 16 bytes
// Of a thread, in registers while the mel product runs: all of int16 and half of float. More would
// be spilled (24 bytes on sm_90).
inline constexpr int kChunksAhead = (kTileChunks<std::int16_t> + kThreads - 1) / kThreads;
static_assert(kTileSamples % 8 == 0 && kHalfFft == kFrameThreads * kFrameThreads);

// A frame's 16 x 16 exchange. A row of 17 keeps rows and columns free of bank conflicts.
inline constexpr int kExchangeStride = kFrameThreads + 1;

template <class In>
struct LogMelV4Shared {
  uint4 samples[kTileChunks<In>];
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
// With int16 two blocks share a multiprocessor of 164 kB (sm_80), of which each block costs 1 kB
// more than it uses; with float, one of 228 kB (sm_90, 100). One of 100 kB (sm_120) holds one
// block.
template <class In>
inline constexpr std::size_t kBlocksBytes =
    (sizeof(LogMelV4Shared<In>) + 1024) * kLogmelBlocksPerMultiprocessor;
static_assert(kBlocksBytes<std::int16_t> <= 164 * 1024 && kBlocksBytes<float> <= 228 * 1024);
static_assert(sizeof(LogMelV4Shared<float>) <= 99 * 1024);

// e^(-2 pi i index / 512)
__device__ __forceinline__ Complex root_of_512(int index) {
  return {cospi(2.0 * index / kFftSize), -sinpi(2.0 * index / kFftSize)};
}

template <class In>
__device__ __forceinline__ void fill_tables(LogMelV4Shared<In>& shared) {
  const int thread = static_cast<int>(threadIdx.x);
  for (int sample = thread; sample < kWindow; sample += kThreads) {
    // The half belongs to the split of the spectrum.
    shared.window[sample % 2][sample / 2] = 0.5 * kSampleScale<In> * window_value(sample);
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

// From Z, bin 16 i + lane at z[fft16_place(i)], to the magnitudes of the real signal's bins.
// `split` is e^(-2 pi i lane / 512).
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
    // The mirror image of bin 16 i + lane is 16 (15 - i) + (16 - lane), of lane 16 - lane; lane 0
    // is its own partner, with images 16 (16 - i). Its bin 0 is not wanted and gives way to bin
    // 128, which is its own image.
    const Complex own = i == 0 && first ? z[fft16_place(8)] : z[fft16_place(i)];
    const Complex sent = first ? z[fft16_place(i == 0 ? 8 : 16 - i)] : z[fft16_place(15 - i)];
    const int partner = (kFrameThreads - lane) % kFrameThreads;
    const Complex image = conjugate({__shfl_sync(0xffffffff, sent.re, partner, kFrameThreads),
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

// Samples 2 pair and 2 pair + 1 of a tile, in one access.
template <class In>
__device__ __forceinline__ Complex samples_at(const LogMelV4Shared<In>& shared, int pair) {
  if constexpr (std::is_same_v<In, std::int16_t>) {
    const int both = reinterpret_cast<const int*>(shared.samples)[pair];
    // Little-endian: the earlier sample is the lower half.
    return {static_cast<double>(static_cast<std::int16_t>(both & 0xffff)),
            static_cast<double>(both >> 16)};
  } else {
    const float2 both = reinterpret_cast<const float2*>(shared.samples)[pair];
    return {static_cast<double>(both.x), static_cast<double>(both.y)};
  }
}

// The magnitudes that the bands need of one frame, by 16 lanes.
template <class In>
__device__ __forceinline__ void magnitudes_of_frame(LogMelV4Shared<In>& shared, int frame,
                                                    int lane) {
  Complex z[16];
#pragma unroll
  for (int i = 0; i < 16; ++i) {
    const int n = i * 16 + lane;
    if (n < kWindow / 2) {
      const Complex pair = samples_at(shared, frame * (kHop / 2) + n);
      z[i] = {shared.window[0][n] * pair.re, shared.window[1][n] * pair.im};
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

}  // namespace vggroove::logmel_device

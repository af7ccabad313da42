// Log-mel of many frames at once. Every vector lane carries one frame through the whole chain: the
// arithmetic needs no shuffles, and a frame's values cannot depend on its neighbours.
//
//   samples -> lanes -> 16 real FFTs of 32 (columns) -> 15 complex FFTs of 16 and one real of 32
//   (rows) -> magnitudes -> 64 bands -> ln -> frames
//
// The FFT computes in double precision, half of the lanes at a time. Single precision is 1.3x
// faster and wrong by up to 7e-4 after the logarithm: next to a loud tone, a quiet band holds
// little but the rounding errors of the tone.
#include "frontend/logmel/logmel_frames.h"

#include <algorithm>

#include "frontend/logmel/logmel_tables.h"

// Vectors without a compile-time size cannot stand in arrays, as the FFT needs them: Arm machines
// with SVE run the NEON code.
#define HWY_DISABLED_TARGETS (HWY_SVE | HWY_SVE2 | HWY_SVE_256 | HWY_SVE2_128 | HWY_RVV)
#undef HWY_TARGET_INCLUDE
#define HWY_TARGET_INCLUDE "frontend/logmel/logmel_frames.cpp"
#include <hwy/foreach_target.h>
#include <hwy/highway.h>

#include "frontend/logmel/fft-inl.h"
#include "frontend/logmel/transpose-inl.h"

HWY_BEFORE_NAMESPACE();
namespace vggroove::HWY_NAMESPACE {
namespace {

using FrameLanes = hn::CappedTag<float, 16>;  // one frame per lane
using FftLanes = hn::CappedTag<double, 8>;
using NarrowFftLanes = hn::Rebind<float, FftLanes>;
using FftVector = hn::Vec<FftLanes>;

constexpr int kFrames = static_cast<int>(hn::MaxLanes(FrameLanes()));  // in a block
constexpr int kFftFrames = static_cast<int>(hn::MaxLanes(FftLanes()));
constexpr int kHop = LogMelSpec::kHopSamples;
constexpr int kWindow = LogMelSpec::kWindowSamples;
constexpr int kBands = LogMelSpec::kNumBands;
constexpr int kBlockSamples = (kFrames - 1) * kHop + kWindow;

// Column h of the transposed samples is hop h of the block; the last frame reaches into two more
// hops than there are frames. (A stride of whole cache lines costs 10 %: it outgrows L1.)
constexpr int kHopStride = kFrames + 2;
static_assert(2 * kHop < kWindow && kWindow <= 3 * kHop && kHop % kFftColumns == 0);

// One row of the FFT: real and imaginary parts of 16 columns, and a vector to keep the rows from
// falling into the same few sets of the L1 cache.
constexpr int kRowStride = (2 * kFftColumns + 1) * kFftFrames;

struct Scratch {  // 64 kB with AVX-512
  alignas(64) float hops[kHop * kHopStride];
  alignas(64) double rows[(kTurnedRows + 1) * kRowStride];
  alignas(64) float magnitudes[kSpectrumBins * kFrames];
  alignas(64) float logmel[kBands * kFrames];
};

HWY_NOINLINE void transpose_hops(const float* samples, float* hops) {
  transpose_to_lanes(FrameLanes(), samples, kHop, kHop, hops, kHopStride);
  const float* rest = samples + kFrames * kHop;
  for (int i = 0; i < kHop; ++i) {
    hops[i * kHopStride + kFrames] = rest[i];
  }
  for (int i = 0; i < kWindow - 2 * kHop; ++i) {
    hops[i * kHopStride + kFrames + 1] = rest[kHop + i];
  }
}

// The samples of one column, windowed; those behind the window are zero and cost nothing.
struct WindowedColumn {
  const float* hops;     // at sample `column` of the lanes' first frame
  const double* window;  // at `column`

  template <int i>
  HWY_INLINE FftVector sample() const {
    constexpr int kRowsPerHop = kHop / kFftColumns;
    const float* from = hops + i % kRowsPerHop * kFftColumns * kHopStride + i / kRowsPerHop;
    return hn::PromoteTo(FftLanes(), hn::LoadU(NarrowFftLanes(), from));
  }

  template <int i>
  HWY_INLINE void butterfly(FftVector& sum, FftVector& difference) const {
    const FftLanes d;
    const auto first = hn::Mul(sample<i>(), hn::Set(d, window[i * kFftColumns]));
    if constexpr ((i + 16) * kFftColumns < kWindow) {
      const auto second = sample<i + 16>();
      const auto weight = hn::Set(d, window[(i + 16) * kFftColumns]);
      sum = hn::MulAdd(second, weight, first);
      difference = hn::NegMulAdd(second, weight, first);
    } else {
      sum = first;
      difference = first;
    }
  }
};

template <int row>
HWY_INLINE void store_turned(const HalfSpectrum<FftLanes, kFftRows>& column, const double* cosines,
                             const double* sines, double* to) {
  if constexpr (row <= kTurnedRows) {
    const FftLanes d;
    const auto real = column.real[row], imaginary = column.imaginary[row];
    const auto cosine = hn::Set(d, cosines[row - 1]), sine = hn::Set(d, sines[row - 1]);
    double* element = to + row * kRowStride;
    hn::Store(hn::NegMulAdd(sine, imaginary, hn::Mul(cosine, real)), d, element);
    hn::Store(hn::MulAdd(sine, real, hn::Mul(cosine, imaginary)), d, element + kFftFrames);
    store_turned<row + 1>(column, cosines, sines, to);
  }
}

// First pass. Row 0 receives what bins 0, 16, 32, ... need: the sums of the even and of the odd
// samples of each column, which make a real signal of 32.
HWY_NOINLINE void transform_columns(const float* hops, const LogMelTables& tables, double* rows) {
  const FftLanes d;
  for (int column = 0; column < kFftColumns; ++column) {
    const WindowedColumn source{hops + column * kHopStride, tables.window.data() + column};
    HalfSpectrum<FftLanes, kFftRows / 2> even, odd;
    real_fft<kFftRows / 2, 0>(d, source, even);
    real_fft<kFftRows / 2, 1>(d, source, odd);
    double* to = rows + column * 2 * kFftFrames;
    hn::Store(even.real[0], d, to);
    hn::Store(odd.real[0], d, to + kFftFrames);
    HalfSpectrum<FftLanes, kFftRows> all;
    join_all_halves<kFftRows, 1>(d, even, odd, all);
    const int turn = column * kTurnedRows;
    store_turned<1>(all, tables.turn_cosine.data() + turn, tables.turn_sine.data() + turn, to);
  }
}

HWY_INLINE void store_magnitude(FftVector real, FftVector imaginary, float* magnitude) {
  const NarrowFftLanes narrow;
  const auto square = hn::MulAdd(real, real, hn::Mul(imaginary, imaginary));
  hn::StoreU(hn::Sqrt(hn::DemoteTo(narrow, square)), narrow, magnitude);
}

// Row 0 as the real signal of 32 that it is.
struct RealRow {
  const double* row;

  template <int i>
  HWY_INLINE void butterfly(FftVector& sum, FftVector& difference) const {
    const FftLanes d;
    const auto even = hn::Load(d, row + 2 * i * kFftFrames);
    const auto odd = hn::Load(d, row + (2 * i + 1) * kFftFrames);
    sum = hn::Add(even, odd);
    difference = hn::Sub(even, odd);
  }
};

template <int i>
HWY_INLINE void store_real_row(const HalfSpectrum<FftLanes, kFftRows>& row, float* magnitudes) {
  if constexpr (i * kFftColumns < kSpectrumBins) {
    store_magnitude(row.real[i], row.imaginary[i], magnitudes + i * kFftColumns * kFrames);
    store_real_row<i + 1>(row, magnitudes);
  }
}

template <int i>
HWY_INLINE void load_row(const double* row, ComplexArray<FftLanes, kFftColumns>& x) {
  if constexpr (i < kFftColumns) {
    const FftLanes d;
    x.real[i] = hn::Load(d, row + 2 * i * kFftFrames);
    x.imaginary[i] = hn::Load(d, row + (2 * i + 1) * kFftFrames);
    load_row<i + 1>(row, x);
  }
}

template <int i>
HWY_INLINE void store_row(const ComplexArray<FftLanes, kFftColumns>& x, int row,
                          float* magnitudes) {
  if constexpr (i < kFftColumns) {
    constexpr int kElement = i % 4 * 4 + i / 4;  // where fft16 leaves bin i
    constexpr int kFirstBin = i * kFftRows;
    if constexpr (kFirstBin < LogMelSpec::kFftSize / 2) {
      store_magnitude(x.real[kElement], x.imaginary[kElement],
                      magnitudes + (kFirstBin + row) * kFrames);
    } else if constexpr (kFirstBin > LogMelSpec::kFftSize / 2) {  // mirrored
      store_magnitude(x.real[kElement], x.imaginary[kElement],
                      magnitudes + (LogMelSpec::kFftSize - kFirstBin - row) * kFrames);
    }  // else bins 241..255, which no band needs
    store_row<i + 1>(x, row, magnitudes);
  }
}

// Second pass, to magnitudes in the order of the bins.
HWY_NOINLINE void transform_rows(const double* rows, float* magnitudes) {
  const FftLanes d;
  HalfSpectrum<FftLanes, kFftRows> real_row;
  real_fft<kFftRows, 0>(d, RealRow{rows}, real_row);
  store_real_row<1>(real_row, magnitudes);
  for (int row = 1; row <= kTurnedRows; ++row) {
    ComplexArray<FftLanes, kFftColumns> x;
    load_row<0>(rows + row * kRowStride, x);
    fft16(d, x);
    store_row<0>(x, row, magnitudes);
  }
}

// ln(x) of normal x > 0 to 6e-8 and the result's rounding; NaN where x is not finite.
template <class D, class V>
HWY_INLINE V log_of_positive(D d, V x) {
  const hn::RebindToSigned<D> integers;
  const auto bits = hn::BitCast(integers, x);
  // x = 2^exponent (1 + t), sqrt(1/2) <= 1 + t < sqrt(2)
  const auto sqrt_half = hn::Set(integers, 0x3f3504f3);
  const auto exponent = hn::ShiftRight<23>(hn::Sub(bits, sqrt_half));
  const auto mantissa = hn::BitCast(d, hn::Sub(bits, hn::ShiftLeft<23>(exponent)));
  const auto t = hn::Sub(mantissa, hn::Set(d, 1.0f));
  // ln(1 + t) = t + t^2 Q(t), Q of degree 6 with the least maximum error of t^2 Q: 3.7e-8.
  auto q = hn::Set(d, -0.100346148f);
  q = hn::MulAdd(q, t, hn::Set(d, 0.163356408f));
  q = hn::MulAdd(q, t, hn::Set(d, -0.173259944f));
  q = hn::MulAdd(q, t, hn::Set(d, 0.198882774f));
  q = hn::MulAdd(q, t, hn::Set(d, -0.249614656f));
  q = hn::MulAdd(q, t, hn::Set(d, 0.333352625f));
  q = hn::MulAdd(q, t, hn::Set(d, -0.500005841f));
  const auto log_mantissa = hn::MulAdd(hn::Mul(t, t), q, t);
  const auto log = hn::MulAdd(hn::ConvertTo(d, exponent), hn::Set(d, 0.693147181f), log_mantissa);
  return hn::MulAdd(x, hn::Zero(d), log);  // + x * 0: NaN where x is not finite
}

HWY_NOINLINE void sum_bands(const float* magnitudes, const LogMelTables& tables, float* logmel) {
  const FrameLanes d;
  const float* weight = tables.weights;
  for (int band = 0; band < kBands; ++band) {
    const MelBand& mel = tables.bands[band];
    auto sum = hn::Set(d, static_cast<float>(LogMelSpec::kLogOffset));
    for (int bin = mel.first_bin; bin < mel.first_bin + mel.num_bins; ++bin) {
      sum = hn::MulAdd(hn::Set(d, *weight++), hn::Load(d, magnitudes + bin * kFrames), sum);
    }
    hn::Store(log_of_positive(d, sum), d, logmel + band * kFrames);
  }
}

HWY_INLINE void transform_block(const float* samples, const LogMelTables& tables,
                                Scratch& scratch) {
  transpose_hops(samples, scratch.hops);
  for (int frame = 0; frame < kFrames; frame += kFftFrames) {
    transform_columns(scratch.hops + frame, tables, scratch.rows);
    transform_rows(scratch.rows, scratch.magnitudes + frame);
  }
}

// Writes a block's kFrames frames. Not inlined: full and partial blocks run the same instructions,
// so that a frame's bits do not depend on how many frames there are.
struct LogMelBlock {
  static constexpr int kValues = kBands;

  HWY_NOINLINE static void run(const float* samples, Scratch& scratch, float* logmel) {
    const LogMelTables& tables = logmel_tables();
    transform_block(samples, tables, scratch);
    sum_bands(scratch.magnitudes, tables, scratch.logmel);
    transpose_to_frames(FrameLanes(), scratch.logmel, kBands, logmel, kBands);
  }
};

struct SpectrumBlock {
  static constexpr int kValues = kSpectrumBins;

  HWY_NOINLINE static void run(const float* samples, Scratch& scratch, float* magnitudes) {
    transform_block(samples, logmel_tables(), scratch);
    std::fill_n(scratch.magnitudes, kFrames, 0.0f);
    transpose_to_frames(FrameLanes(), scratch.magnitudes, kSpectrumBins, magnitudes, kSpectrumBins);
  }
};

template <class Block>
void transform_frames(const float* samples, std::size_t num_frames, float* values) {
  Scratch scratch;
  std::size_t frame = 0;
  for (; frame + kFrames <= num_frames; frame += kFrames) {
    Block::run(samples + frame * kHop, scratch, values + frame * Block::kValues);
  }
  if (frame < num_frames) {  // silence in the lanes that are left
    const std::size_t num_rest = num_frames - frame;
    float padded[kBlockSamples] = {};
    float block[kFrames * Block::kValues];
    std::copy_n(samples + frame * kHop, (num_rest - 1) * kHop + kWindow, padded);
    Block::run(padded, scratch, block);
    std::copy_n(block, num_rest * Block::kValues, values + frame * Block::kValues);
  }
}

void transform_to_logmel(const float* samples, std::size_t num_frames, float* logmel) {
  transform_frames<LogMelBlock>(samples, num_frames, logmel);
}

void transform_to_spectrum(const float* samples, std::size_t num_frames, float* magnitudes) {
  transform_frames<SpectrumBlock>(samples, num_frames, magnitudes);
}

}  // namespace
}  // namespace vggroove::HWY_NAMESPACE
HWY_AFTER_NAMESPACE();

#if HWY_ONCE
namespace vggroove {

HWY_EXPORT(transform_to_logmel);
HWY_EXPORT(transform_to_spectrum);

void logmel_frames(const float* samples, std::size_t num_frames, float* logmel) {
  HWY_DYNAMIC_DISPATCH(transform_to_logmel)(samples, num_frames, logmel);
}

void spectrum_frames(const float* samples, std::size_t num_frames, float* magnitudes) {
  HWY_DYNAMIC_DISPATCH(transform_to_spectrum)(samples, num_frames, magnitudes);
}

}  // namespace vggroove
#endif

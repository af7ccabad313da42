// Small FFTs on vectors, one transform per lane. Included once per SIMD target by
// logmel_frames.cpp, so without an ordinary include guard (Highway's foreach_target).
// Sign: X[k] = sum x[n] e^(+2 pi i n k / N). Magnitudes are those of the usual sign, and turning by
// +i needs no negation.
#if defined(VGGROOVE_LOGMEL_FFT_INL_H) == defined(HWY_TARGET_TOGGLE)
#ifdef VGGROOVE_LOGMEL_FFT_INL_H
#undef VGGROOVE_LOGMEL_FFT_INL_H
#else
#define VGGROOVE_LOGMEL_FFT_INL_H
#endif

#include <hwy/highway.h>

HWY_BEFORE_NAMESPACE();
namespace vggroove::HWY_NAMESPACE {
namespace hn = hwy::HWY_NAMESPACE;

// cos(2 pi k / 32); sin(2 pi k / 32) = kCosine32[8 - k].
inline constexpr double kCosine32[9] = {1.0,
                                        0.98078528040323044913,
                                        0.92387953251128675613,
                                        0.83146961230254523708,
                                        0.70710678118654752440,
                                        0.55557023301960222474,
                                        0.38268343236508977173,
                                        0.19509032201612826785,
                                        0.0};

template <class D, int kCount>
struct ComplexArray {
  hn::Vec<D> real[kCount];
  hn::Vec<D> imaginary[kCount];
};

// Bins 0..N/2 of a real signal; imaginary[0] and imaginary[N/2] are zero and not set.
template <class D, int N>
using HalfSpectrum = ComplexArray<D, N / 2 + 1>;

// One of the last steps of a real FFT of N points, decimation in time: bins k and N/2 - k for
// 0 < k < N/4 from the spectra of the even and the odd samples.
template <int N, int k, class D>
HWY_INLINE void join_halves(D d, const HalfSpectrum<D, N / 2>& even,
                            const HalfSpectrum<D, N / 2>& odd, HalfSpectrum<D, N>& all) {
  using T = hn::TFromD<D>;
  const auto even_real = even.real[k], even_imaginary = even.imaginary[k];
  const auto odd_real = odd.real[k], odd_imaginary = odd.imaginary[k];
  const auto cosine = hn::Set(d, static_cast<T>(kCosine32[k * 32 / N]));
  if constexpr (8 * k == N) {  // cosine == sine: 6 operations in place of 8
    const auto turned_real = hn::Sub(odd_real, odd_imaginary);
    const auto turned_imaginary = hn::Add(odd_real, odd_imaginary);
    all.real[k] = hn::MulAdd(cosine, turned_real, even_real);
    all.imaginary[k] = hn::MulAdd(cosine, turned_imaginary, even_imaginary);
    all.real[N / 2 - k] = hn::NegMulAdd(cosine, turned_real, even_real);
    all.imaginary[N / 2 - k] = hn::MulSub(cosine, turned_imaginary, even_imaginary);
  } else {
    const auto sine = hn::Set(d, static_cast<T>(kCosine32[8 - k * 32 / N]));
    all.real[k] = hn::NegMulAdd(sine, odd_imaginary, hn::MulAdd(cosine, odd_real, even_real));
    all.imaginary[k] =
        hn::MulAdd(sine, odd_real, hn::MulAdd(cosine, odd_imaginary, even_imaginary));
    all.real[N / 2 - k] =
        hn::MulAdd(sine, odd_imaginary, hn::NegMulAdd(cosine, odd_real, even_real));
    all.imaginary[N / 2 - k] =
        hn::MulAdd(sine, odd_real, hn::MulSub(cosine, odd_imaginary, even_imaginary));
  }
}

template <int N, int k, class D>
HWY_INLINE void join_all_halves(D d, const HalfSpectrum<D, N / 2>& even,
                                const HalfSpectrum<D, N / 2>& odd, HalfSpectrum<D, N>& all) {
  if constexpr (4 * k < N) {
    join_halves<N, k>(d, even, odd, all);
    join_all_halves<N, k + 1>(d, even, odd, all);
  } else {
    all.real[k] = even.real[k];
    all.imaginary[k] = odd.real[k];
  }
}

// Real FFT of the N samples kFirst, kFirst + 32/N, ... of a 32-sample signal. The signal comes as
// the sums and differences of samples 16 apart: source.butterfly<i>(sum, difference).
template <int N, int kFirst, class D, class Source>
HWY_INLINE void real_fft(D d, const Source& source, HalfSpectrum<D, N>& spectrum) {
  if constexpr (N == 2) {
    source.template butterfly<kFirst>(spectrum.real[0], spectrum.real[1]);
  } else {
    HalfSpectrum<D, N / 2> even, odd;
    real_fft<N / 2, kFirst>(d, source, even);
    real_fft<N / 2, kFirst + 32 / N>(d, source, odd);
    spectrum.real[0] = hn::Add(even.real[0], odd.real[0]);
    spectrum.real[N / 2] = hn::Sub(even.real[0], odd.real[0]);
    join_all_halves<N, 1>(d, even, odd, spectrum);
  }
}

// In place, 4 points: elements i, i + kStep, i + 2 kStep, i + 3 kStep.
template <int i, int kStep, class D, int kCount>
HWY_INLINE void fft4(ComplexArray<D, kCount>& x) {
  auto &r0 = x.real[i], &r1 = x.real[i + kStep], &r2 = x.real[i + 2 * kStep],
       &r3 = x.real[i + 3 * kStep];
  auto &i0 = x.imaginary[i], &i1 = x.imaginary[i + kStep], &i2 = x.imaginary[i + 2 * kStep],
       &i3 = x.imaginary[i + 3 * kStep];
  const auto sum02_r = hn::Add(r0, r2), diff02_r = hn::Sub(r0, r2);
  const auto sum02_i = hn::Add(i0, i2), diff02_i = hn::Sub(i0, i2);
  const auto sum13_r = hn::Add(r1, r3), diff13_r = hn::Sub(r1, r3);
  const auto sum13_i = hn::Add(i1, i3), diff13_i = hn::Sub(i1, i3);
  r0 = hn::Add(sum02_r, sum13_r);
  i0 = hn::Add(sum02_i, sum13_i);
  r1 = hn::Sub(diff02_r, diff13_i);
  i1 = hn::Add(diff02_i, diff13_r);
  r2 = hn::Sub(sum02_r, sum13_r);
  i2 = hn::Sub(sum02_i, sum13_i);
  r3 = hn::Add(diff02_r, diff13_i);
  i3 = hn::Sub(diff02_i, diff13_r);
}

// Turns element i by e^(2 pi i kTurn / 16).
template <int i, int kTurn, class D, int kCount>
HWY_INLINE void turn16(D d, ComplexArray<D, kCount>& x) {
  using T = hn::TFromD<D>;
  const auto real = x.real[i], imaginary = x.imaginary[i];
  if constexpr (kTurn == 2 || kTurn == 6) {  // odd multiples of 45 degrees
    const auto half_root = hn::Set(d, static_cast<T>(kCosine32[4]));
    const auto sum = hn::Mul(half_root, hn::Add(real, imaginary));
    const auto difference = hn::Mul(half_root, hn::Sub(real, imaginary));
    x.real[i] = kTurn == 2 ? difference : hn::Neg(sum);
    x.imaginary[i] = kTurn == 2 ? sum : difference;
  } else if constexpr (kTurn == 4) {
    x.real[i] = hn::Neg(imaginary);
    x.imaginary[i] = real;
  } else {
    constexpr double kSign = kTurn == 9 ? -1.0 : 1.0;  // 9/16 of a turn is 1/16 and a half
    constexpr int k = kTurn == 9 ? 2 : 2 * kTurn;      // in 32nds of a turn
    const auto cosine = hn::Set(d, static_cast<T>(kSign * kCosine32[k]));
    const auto sine = hn::Set(d, static_cast<T>(kSign * kCosine32[8 - k]));
    x.real[i] = hn::NegMulAdd(sine, imaginary, hn::Mul(cosine, real));
    x.imaginary[i] = hn::MulAdd(sine, real, hn::Mul(cosine, imaginary));
  }
}

// In place, 16 points: bin 4 c + r ends in element 4 r + c.
template <class D>
HWY_INLINE void fft16(D d, ComplexArray<D, 16>& x) {
  fft4<0, 4>(x);
  fft4<1, 4>(x);
  fft4<2, 4>(x);
  fft4<3, 4>(x);
  turn16<5, 1>(d, x);
  turn16<6, 2>(d, x);
  turn16<7, 3>(d, x);
  turn16<9, 2>(d, x);
  turn16<10, 4>(d, x);
  turn16<11, 6>(d, x);
  turn16<13, 3>(d, x);
  turn16<14, 6>(d, x);
  turn16<15, 9>(d, x);
  fft4<0, 1>(x);
  fft4<4, 1>(x);
  fft4<8, 1>(x);
  fft4<12, 1>(x);
}

}  // namespace vggroove::HWY_NAMESPACE
HWY_AFTER_NAMESPACE();

#endif

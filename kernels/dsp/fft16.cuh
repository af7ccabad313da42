#pragma once

#include "kernels/simt/simt.h"

// A 16-point complex FFT in a thread's registers, and what its callers need of complex numbers.

namespace vggroove {

struct Complex {
  double re, im;
};

__device__ __forceinline__ Complex operator+(Complex a, Complex b) {
  return {a.re + b.re, a.im + b.im};
}
__device__ __forceinline__ Complex operator-(Complex a, Complex b) {
  return {a.re - b.re, a.im - b.im};
}
__device__ __forceinline__ Complex operator*(Complex a, Complex b) {
  return {a.re * b.re - a.im * b.im, a.re * b.im + a.im * b.re};
}
__device__ __forceinline__ Complex conjugate(Complex a) {
  return {a.re, -a.im};
}
__device__ __forceinline__ Complex times_minus_i(Complex a) {
  return {a.im, -a.re};
}

__device__ __forceinline__ void fft4(Complex& a, Complex& b, Complex& c, Complex& d) {
  const Complex sum_even = a + c, difference_even = a - c;
  const Complex sum_odd = b + d, turned_odd = times_minus_i(b - d);
  a = sum_even + sum_odd;
  b = difference_even + turned_odd;
  c = sum_even - sum_odd;
  d = difference_even - turned_odd;
}

// Where fft16 leaves bin k.
constexpr __device__ int fft16_place(int bin) {
  return bin % 4 * 4 + bin / 4;
}

// In place: z[i] -> bins, bin k at z[fft16_place(k)]. Radix 4 twice: 144 additions, 28 products.
__device__ __forceinline__ void fft16(Complex (&z)[16]) {
  constexpr double kCos1 = 0.92387953251128675613;  // cos(pi / 8)
  constexpr double kSin1 = 0.38268343236508977173;  // sin(pi / 8)
  constexpr double kCos2 = 0.70710678118654752440;  // cos(pi / 4)
#pragma unroll
  for (int i = 0; i < 4; ++i) {
    fft4(z[i], z[i + 4], z[i + 8], z[i + 12]);
  }
  // e^(-2 pi i row column / 16)
  z[5] = z[5] * Complex{kCos1, -kSin1};
  z[6] = z[6] * Complex{kCos2, -kCos2};
  z[7] = z[7] * Complex{kSin1, -kCos1};
  z[9] = z[9] * Complex{kCos2, -kCos2};
  z[10] = times_minus_i(z[10]);
  z[11] = z[11] * Complex{-kCos2, -kCos2};
  z[13] = z[13] * Complex{kSin1, -kCos1};
  z[14] = z[14] * Complex{-kCos2, -kCos2};
  z[15] = z[15] * Complex{-kCos1, kSin1};
#pragma unroll
  for (int i = 0; i < 4; ++i) {
    fft4(z[4 * i], z[4 * i + 1], z[4 * i + 2], z[4 * i + 3]);
  }
}

}  // namespace vggroove

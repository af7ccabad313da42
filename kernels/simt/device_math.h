#pragma once

// CUDA's mathematics for simt.h on a CPU. A GPU's approximate functions (__expf, ...) are computed
// exactly here: their error on a GPU, some units in the last place, is not reproduced.

#include <math.h>

#include <cmath>
#include <cstdint>

// --- minimum and maximum; of a number and NaN: the number

#define VGGROOVE_SIMT_MIN_MAX(Type)           \
  inline constexpr Type min(Type a, Type b) { \
    return b < a ? b : a;                     \
  }                                           \
  inline constexpr Type max(Type a, Type b) { \
    return a < b ? b : a;                     \
  }
VGGROOVE_SIMT_MIN_MAX(int)
VGGROOVE_SIMT_MIN_MAX(unsigned)
VGGROOVE_SIMT_MIN_MAX(long)
VGGROOVE_SIMT_MIN_MAX(unsigned long)
VGGROOVE_SIMT_MIN_MAX(long long)
VGGROOVE_SIMT_MIN_MAX(unsigned long long)
inline float min(float a, float b) {
  return fminf(a, b);
}
inline float max(float a, float b) {
  return fmaxf(a, b);
}
inline double min(double a, double b) {
  return fmin(a, b);
}
inline double max(double a, double b) {
  return fmax(a, b);
}

// --- bits

inline int __float_as_int(float value) {
  return __builtin_bit_cast(int, value);
}
inline unsigned __float_as_uint(float value) {
  return __builtin_bit_cast(unsigned, value);
}
inline float __int_as_float(int bits) {
  return __builtin_bit_cast(float, bits);
}
inline float __uint_as_float(unsigned bits) {
  return __builtin_bit_cast(float, bits);
}
inline int __popc(unsigned bits) {
  return __builtin_popcount(bits);
}
inline int __popcll(unsigned long long bits) {
  return __builtin_popcountll(bits);
}
inline int __clz(int bits) {
  return bits == 0 ? 32 : __builtin_clz(static_cast<unsigned>(bits));
}
inline int __ffs(int bits) {
  return __builtin_ffs(bits);
}  // 1-based; 0 of 0
inline unsigned __brev(unsigned bits) {
  unsigned reversed = 0;
  for (int i = 0; i < 32; ++i) {
    reversed |= (bits >> i & 1) << (31 - i);
  }
  return reversed;
}
inline unsigned __umulhi(unsigned a, unsigned b) {
  return static_cast<unsigned>(static_cast<std::uint64_t>(a) * b >> 32);
}
inline int __mulhi(int a, int b) {
  return static_cast<int>(static_cast<std::int64_t>(a) * b >> 32);
}
inline unsigned __funnelshift_l(unsigned low, unsigned high, unsigned shift) {
  const auto both = static_cast<std::uint64_t>(high) << 32 | low;
  return static_cast<unsigned>(both << (shift & 31) >> 32);
}
inline unsigned __funnelshift_r(unsigned low, unsigned high, unsigned shift) {
  const auto both = static_cast<std::uint64_t>(high) << 32 | low;
  return static_cast<unsigned>(both >> (shift & 31));
}

// --- conversions

inline int __float2int_rn(float value) {
  return static_cast<int>(nearbyintf(value));
}
inline int __float2int_rz(float value) {
  return static_cast<int>(value);
}
inline int __float2int_rd(float value) {
  return static_cast<int>(floorf(value));
}
inline int __float2int_ru(float value) {
  return static_cast<int>(ceilf(value));
}
inline float __int2float_rn(int value) {
  return static_cast<float>(value);
}
inline float __uint2float_rn(unsigned value) {
  return static_cast<float>(value);
}

// --- arithmetic with a rounding of its own: what the compiler may not fuse

inline float __fadd_rn(float a, float b) {
  return a + b;
}
inline float __fsub_rn(float a, float b) {
  return a - b;
}
inline float __fmul_rn(float a, float b) {
  return a * b;
}
inline float __fmaf_rn(float a, float b, float c) {
  return fmaf(a, b, c);
}
inline float __fdiv_rn(float a, float b) {
  return a / b;
}
inline float __fsqrt_rn(float value) {
  return sqrtf(value);
}
inline float __frcp_rn(float value) {
  return 1.0f / value;
}
inline float __saturatef(float value) {
  return fminf(fmaxf(value, 0.0f), 1.0f);
}

// --- functions that C does not have

inline float rsqrtf(float value) {
  return 1.0f / sqrtf(value);
}
inline double rsqrt(double value) {
  return 1.0 / sqrt(value);
}
inline double cospi(double value) {
  return std::cos(3.14159265358979323846 * value);
}
inline double sinpi(double value) {
  return std::sin(3.14159265358979323846 * value);
}
inline void sincospif(float value, float* sine, float* cosine) {
  const double angle = 3.14159265358979323846 * static_cast<double>(value);
  *sine = static_cast<float>(std::sin(angle));
  *cosine = static_cast<float>(std::cos(angle));
}
inline float __fdividef(float a, float b) {
  return a / b;
}

// The C library declares functions of these names, so they are macros.
#define __expf(x) expf(x)
#define __exp2f(x) exp2f(x)
#define __exp10f(x) exp10f(x)
#define __logf(x) logf(x)
#define __log2f(x) log2f(x)
#define __log10f(x) log10f(x)
#define __sinf(x) sinf(x)
#define __cosf(x) cosf(x)
#define __tanf(x) tanf(x)
#define __powf(x, y) powf(x, y)
#define __sincosf(x, sine, cosine) sincosf(x, sine, cosine)

#pragma once

#include <cstdint>
#include <type_traits>

#include "kernels/common/bfloat16.h"
#include "kernels/simt/simt.h"

namespace vggroove {

// How many elements the widest access of a thread, 16 bytes, takes.
template <class T>
inline constexpr int kVectorWidth = 16 / sizeof(T);

// Arithmetic is in fp32 whatever T, float or BFloat16, is: these widen on the way in and round to
// nearest even on the way out. N is 1, or a multiple of 4 that is moved 16 bytes at a time (4
// elements of bf16: 8), to which the address must be aligned.
template <int N, class T>
__device__ __forceinline__ void load_as_float(float (&to)[N], const T* from) {
  if constexpr (N == 1 && std::is_same_v<T, float>) {
    to[0] = *from;
  } else if constexpr (N == 1) {
    to[0] = to_float(*from);
  } else if constexpr (std::is_same_v<T, float>) {
#pragma unroll
    for (int i = 0; i < N; i += 4) {
      const float4 four = *reinterpret_cast<const float4*>(from + i);
      to[i] = four.x, to[i + 1] = four.y, to[i + 2] = four.z, to[i + 3] = four.w;
    }
  } else {
    using Words = std::conditional_t<N == 4, uint2, uint4>;
    static_assert(sizeof(Words) == N * sizeof(T));
    const Words words = *reinterpret_cast<const Words*>(from);
    const auto widen = [&to](int i, std::uint32_t pair) {
      to[i] = to_float(BFloat16{static_cast<std::uint16_t>(pair)});
      to[i + 1] = to_float(BFloat16{static_cast<std::uint16_t>(pair >> 16)});
    };
    widen(0, words.x);
    widen(2, words.y);
    if constexpr (N == 8) {
      widen(4, words.z);
      widen(6, words.w);
    }
  }
}

template <int N, class T>
__device__ __forceinline__ void store_from_float(T* to, const float (&from)[N]) {
  if constexpr (N == 1 && std::is_same_v<T, float>) {
    *to = from[0];
  } else if constexpr (N == 1) {
    *to = to_bfloat16(from[0]);
  } else if constexpr (std::is_same_v<T, float>) {
#pragma unroll
    for (int i = 0; i < N; i += 4) {
      *reinterpret_cast<float4*>(to + i) =
          make_float4(from[i], from[i + 1], from[i + 2], from[i + 3]);
    }
  } else {
    const auto pair = [&from](int i) {
      return to_bfloat16_bits(from[i]) | static_cast<std::uint32_t>(to_bfloat16_bits(from[i + 1]))
                                             << 16;
    };
    if constexpr (N == 4) {
      *reinterpret_cast<uint2*>(to) = make_uint2(pair(0), pair(2));
    } else {
      static_assert(N == 8);
      *reinterpret_cast<uint4*>(to) = make_uint4(pair(0), pair(2), pair(4), pair(6));
    }
  }
}

}  // namespace vggroove

#include <algorithm>
#include <array>
#include <utility>

#include "base/error.h"
#include "engine/backends/cpu/outer_product.h"

// As in gemm_bf16_dot.cpp: the processor's own dot product of bf16 pairs, where it has one.
#if defined(__x86_64__)
#include <immintrin.h>

#define VGGROOVE_TARGET_BF16 \
  __attribute__((target("avx512f,avx512bw,avx512vl,avx512dq,avx512bf16,fma,avx2")))

namespace vggroove::cpu {
namespace {

using Product = OuterProduct<std::uint32_t>;

constexpr std::size_t kLanes = 16;
constexpr std::size_t kTileRows = 12, kTileColumns = 2 * kLanes;

// Of the depth at a time: B's part [192][32] is 24 kB and stays in L1 while the rows pass.
constexpr std::size_t kBlockDepth = 192;

template <int kRows>
VGGROOVE_TARGET_BF16 void multiply_tile(const Product& tile) {
  __m512 sum[kRows][2];
#pragma GCC unroll 12
  for (int i = 0; i < kRows; ++i) {
    float* const c = tile.c + i * tile.c_stride;
    sum[i][0] = tile.accumulate ? _mm512_load_ps(c) : _mm512_setzero_ps();
    sum[i][1] = tile.accumulate ? _mm512_load_ps(c + kLanes) : _mm512_setzero_ps();
  }
  const std::uint32_t* a = tile.a;
  const std::uint32_t* b = tile.b;
  for (std::size_t k = 0; k < tile.depth; ++k) {
    const auto b0 = (__m512bh)_mm512_load_si512(b);
    const auto b1 = (__m512bh)_mm512_load_si512(b + kLanes);
#pragma GCC unroll 12
    for (int i = 0; i < kRows; ++i) {
      const auto x = (__m512bh)_mm512_set1_epi32(static_cast<int>(a[i]));
      sum[i][0] = _mm512_dpbf16_ps(sum[i][0], x, b0);
      sum[i][1] = _mm512_dpbf16_ps(sum[i][1], x, b1);
    }
    a += tile.a_stride;
    b += tile.b_stride;
  }
#pragma GCC unroll 12
  for (int i = 0; i < kRows; ++i) {
    float* const c = tile.c + i * tile.c_stride;
    _mm512_store_ps(c, sum[i][0]);
    _mm512_store_ps(c + kLanes, sum[i][1]);
  }
}

using TileFunction = void (*)(const Product&);
template <int... kIndex>
constexpr std::array<TileFunction, kTileRows> tile_functions(
    std::integer_sequence<int, kIndex...>) {
  return {&multiply_tile<kIndex + 1>...};
}
constexpr auto kTileFunctions = tile_functions(std::make_integer_sequence<int, kTileRows>());

}  // namespace

void multiply_outer(const Product& p) {
  for (std::size_t k = 0; k < p.depth; k += kBlockDepth) {
    Product tile = p;
    tile.depth = std::min(kBlockDepth, p.depth - k);
    tile.accumulate = p.accumulate || k > 0;
    for (std::size_t column = 0; column < p.columns; column += kTileColumns) {
      tile.b = p.b + k * p.b_stride + column;
      for (std::size_t row = 0; row < p.rows; row += kTileRows) {
        tile.a = p.a + k * p.a_stride + row;
        tile.c = p.c + row * p.c_stride + column;
        kTileFunctions[std::min(kTileRows, p.rows - row) - 1](tile);
      }
    }
  }
}

}  // namespace vggroove::cpu

#else

namespace vggroove::cpu {
void multiply_outer(const OuterProduct<std::uint32_t>&) {
  throw Error(ErrorClass::kUsage, "this processor has no bf16 dot product; use fp32");
}
}  // namespace vggroove::cpu

#endif

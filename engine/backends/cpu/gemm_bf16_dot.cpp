#include <array>
#include <cstring>
#include <utility>

#include "base/error.h"
#include "engine/backends/cpu/gemm.h"

// The processor's own dot product of bf16 pairs. Highway 1.0.3 emulates it, so this file speaks
// the instruction set directly; it is called only where the processor has it (device/cpu_info.h).
#if defined(__x86_64__)
#include <immintrin.h>

#define VGGROOVE_TARGET_BF16 \
  __attribute__((target("avx512f,avx512bw,avx512vl,avx512dq,avx512bf16,fma,avx2")))

namespace vggroove::cpu::internal {
namespace {

constexpr std::size_t kLanes = 16;
constexpr std::size_t kLinePairs = kLineBytes / 4;
constexpr std::size_t kPairBytes = 4;

// The dot product rounds no intermediate sum to bf16: each step adds two exact products in fp32.
template <int kRows>
VGGROOVE_TARGET_BF16 void multiply_tile(const std::byte* a, const std::byte* b, std::size_t depth,
                                        float* c, std::size_t c_stride, bool accumulate,
                                        const std::byte* next0, std::size_t step0,
                                        const std::byte* next1, std::size_t step1) {
  __m512 sum[kRows][2];
#pragma GCC unroll 12
  for (int i = 0; i < kRows; ++i) {
    sum[i][0] = accumulate ? _mm512_load_ps(c + i * c_stride) : _mm512_setzero_ps();
    sum[i][1] = accumulate ? _mm512_load_ps(c + i * c_stride + kLanes) : _mm512_setzero_ps();
  }
  for (std::size_t line = 0; line < depth / 2 / kLinePairs; ++line) {
    for (std::size_t pair = 0; pair < kLinePairs; ++pair) {
      _mm_prefetch(next0, _MM_HINT_T1);
      _mm_prefetch(next1, _MM_HINT_T1);
      next0 += step0;
      next1 += step1;
      const auto b0 = (__m512bh)_mm512_load_si512(b);
      const auto b1 = (__m512bh)_mm512_load_si512(b + kLineBytes);
      b += 2 * kLineBytes;
#pragma GCC unroll 12
      for (int i = 0; i < kRows; ++i) {
        int two_values;
        std::memcpy(&two_values, a + i * kLineBytes, sizeof two_values);
        const auto x = (__m512bh)_mm512_set1_epi32(two_values);
        sum[i][0] = _mm512_dpbf16_ps(sum[i][0], x, b0);
        sum[i][1] = _mm512_dpbf16_ps(sum[i][1], x, b1);
      }
      a += kPairBytes;
    }
    a += (kGroupRows - 1) * kLineBytes;
  }
#pragma GCC unroll 12
  for (int i = 0; i < kRows; ++i) {
    _mm512_store_ps(c + i * c_stride, sum[i][0]);
    _mm512_store_ps(c + i * c_stride + kLanes, sum[i][1]);
  }
}

using TileFunction = decltype(&multiply_tile<1>);
template <int... kIndex>
constexpr std::array<TileFunction, kGroupRows> tile_functions(
    std::integer_sequence<int, kIndex...>) {
  return {&multiply_tile<kIndex + 1>...};
}
constexpr auto kTileFunctions = tile_functions(std::make_integer_sequence<int, kGroupRows>());

}  // namespace

void multiply_panel_bf16_dot(const PanelProduct& p) {
  PrefetchRange range[2];
  for (int s = 0; s < 2; ++s) {
    range[s] = p.prefetch[s].bytes > 0 ? p.prefetch[s] : PrefetchRange{p.b, 0};
  }
  const std::size_t lines_per_tile = p.depth / 2;
  for (std::size_t row = 0; row < p.rows; row += kGroupRows) {
    const std::size_t tile_rows = std::min(kGroupRows, p.rows - row);
    std::size_t step[2];
    for (int s = 0; s < 2; ++s) {
      step[s] = range[s].bytes > 0 ? kLineBytes : 0;
    }
    kTileFunctions[tile_rows - 1](p.a + row / kGroupRows * p.a_group_bytes, p.b, p.depth,
                                  p.c + row * p.c_stride, p.c_stride, p.accumulate, range[0].begin,
                                  step[0], range[1].begin, step[1]);
    for (int s = 0; s < 2; ++s) {
      const std::size_t drawn = std::min(range[s].bytes, step[s] * lines_per_tile);
      range[s].begin += drawn;
      range[s].bytes -= drawn;
    }
  }
}

}  // namespace vggroove::cpu::internal

#else

namespace vggroove::cpu::internal {
void multiply_panel_bf16_dot(const PanelProduct&) {
  throw Error(ErrorClass::kUsage, "this processor has no bf16 dot product; use bf16 weights");
}
}  // namespace vggroove::cpu::internal

#endif

#include <array>
#include <cstdint>

#include "engine/backends/cpu/gemm.h"
#include "engine/backends/cpu/highway_targets.h"

#undef HWY_TARGET_INCLUDE
#define HWY_TARGET_INCLUDE "engine/backends/cpu/gemm_fp32.cpp"
#include <hwy/foreach_target.h>
#include <hwy/highway.h>

HWY_BEFORE_NAMESPACE();
namespace vggroove::cpu::HWY_NAMESPACE {
namespace {
namespace hn = hwy::HWY_NAMESPACE;

constexpr hn::CappedTag<float, 16> kTag;
using Vector = hn::Vec<decltype(kTag)>;
constexpr std::size_t kLanes = hn::MaxLanes(kTag);
constexpr std::size_t kTileColumns = 2 * kLanes;
// Accumulators of a tile: rows x 2 vectors. 32 registers hold 12 x 2 (+ 2 of B, 1 of A), 16 hold
// 6 x 2. Fewer rows would starve the two multiply-add units, which need 8 chains in flight.
constexpr int kTileRows = kLanes == 16 || HWY_ARCH_ARM_A64 ? 12 : 6;
static_assert(kGroupRows % kTileRows == 0);

constexpr std::size_t kLineFloats = kLineBytes / sizeof(float);
constexpr std::size_t kGroupLineFloats = kGroupRows * kLineFloats;

// Two streams of lines to prefetch, one line of each per two steps of the depth. A step of 0
// repeats the last line, which costs a load slot and no memory access.
struct Prefetch {
  const std::byte* next[2];
  std::size_t step[2];
};

template <int kRows>
void multiply_tile(const float* HWY_RESTRICT a, const float* HWY_RESTRICT b, std::size_t depth,
                   float* HWY_RESTRICT c, std::size_t c_stride, bool accumulate,
                   const Prefetch& prefetch) {
  Vector sum[kRows][2];
  if (accumulate) {
    HWY_UNROLL(12)
    for (int i = 0; i < kRows; ++i) {
      sum[i][0] = hn::Load(kTag, c + i * c_stride);
      sum[i][1] = hn::Load(kTag, c + i * c_stride + kLanes);
    }
  } else {
    HWY_UNROLL(12)
    for (int i = 0; i < kRows; ++i) {
      sum[i][0] = sum[i][1] = hn::Zero(kTag);
    }
  }
  const std::byte* next0 = prefetch.next[0];
  const std::byte* next1 = prefetch.next[1];
  for (std::size_t line = 0; line < depth / kLineFloats; ++line) {
    for (std::size_t pair = 0; pair < kLineFloats / 2; ++pair) {
      __builtin_prefetch(next0, 0, 2);
      __builtin_prefetch(next1, 0, 2);
      next0 += prefetch.step[0];
      next1 += prefetch.step[1];
      HWY_UNROLL(2)
      for (int k = 0; k < 2; ++k) {
        const Vector b0 = hn::Load(kTag, b);
        const Vector b1 = hn::Load(kTag, b + kLanes);
        b += kPanelColumns;
        HWY_UNROLL(12)
        for (int i = 0; i < kRows; ++i) {
          const Vector x = hn::Set(kTag, a[i * kLineFloats + k]);
          sum[i][0] = hn::MulAdd(x, b0, sum[i][0]);
          sum[i][1] = hn::MulAdd(x, b1, sum[i][1]);
        }
      }
      a += 2;
    }
    a += kGroupLineFloats - kLineFloats;
  }
  HWY_UNROLL(12)
  for (int i = 0; i < kRows; ++i) {
    hn::Store(sum[i][0], kTag, c + i * c_stride);
    hn::Store(sum[i][1], kTag, c + i * c_stride + kLanes);
  }
}

using TileFunction = decltype(&multiply_tile<1>);
template <int... kIndex>
constexpr std::array<TileFunction, kTileRows> tile_functions(
    std::integer_sequence<int, kIndex...>) {
  return {&multiply_tile<kIndex + 1>...};
}
constexpr auto kTileFunctions = tile_functions(std::make_integer_sequence<int, kTileRows>());

void multiply_panel(const PanelProduct& p) {
  const auto* const b = reinterpret_cast<const float*>(p.b);
  const std::byte* prefetch_end[2];
  Prefetch prefetch;
  for (int s = 0; s < 2; ++s) {
    // An empty range prefetches B's first line, which is there: address 0 would walk page tables.
    prefetch.next[s] = p.prefetch[s].bytes > 0 ? p.prefetch[s].begin : p.b;
    prefetch_end[s] = prefetch.next[s] + p.prefetch[s].bytes;
  }
  for (std::size_t row = 0; row < p.rows; row += kTileRows) {
    const std::size_t tile_rows = std::min<std::size_t>(kTileRows, p.rows - row);
    const auto* const a = reinterpret_cast<const float*>(p.a + row / kGroupRows * p.a_group_bytes) +
                          row % kGroupRows * kLineFloats;
    for (std::size_t column = 0; column < kPanelColumns; column += kTileColumns) {
      for (int s = 0; s < 2; ++s) {
        prefetch.step[s] = prefetch.next[s] < prefetch_end[s] ? kLineBytes : 0;
      }
      kTileFunctions[tile_rows - 1](a, b + column, p.depth, p.c + row * p.c_stride + column,
                                    p.c_stride, p.accumulate, prefetch);
      for (int s = 0; s < 2; ++s) {
        prefetch.next[s] += prefetch.step[s] * (p.depth / 2);
      }
    }
  }
}

// A word holds column j in its lower half and column 16 + j in its upper: a shift and a mask make
// floats of them.
void widen_panel(const std::uint32_t* HWY_RESTRICT words, std::size_t depth,
                 float* HWY_RESTRICT widened) {
  const hn::RebindToUnsigned<decltype(kTag)> word_tag;
  const auto upper = hn::Set(word_tag, 0xffff0000u);
  constexpr std::size_t kHalf = kPanelColumns / 2;
  for (std::size_t k = 0; k < depth; ++k) {
    for (std::size_t j = 0; j < kHalf; j += kLanes) {
      const auto pair = hn::Load(word_tag, words + k * kHalf + j);
      float* const out = widened + k * kPanelColumns + j;
      hn::Store(hn::BitCast(kTag, hn::ShiftLeft<16>(pair)), kTag, out);
      hn::Store(hn::BitCast(kTag, hn::And(pair, upper)), kTag, out + kHalf);
    }
  }
}

}  // namespace
}  // namespace vggroove::cpu::HWY_NAMESPACE
HWY_AFTER_NAMESPACE();

#if HWY_ONCE
namespace vggroove::cpu::internal {
namespace {
HWY_EXPORT(multiply_panel);
HWY_EXPORT(widen_panel);
}  // namespace

void multiply_panel_fp32(const PanelProduct& product) {
  HWY_DYNAMIC_DISPATCH(multiply_panel)(product);
}
void widen_panel(const std::byte* panel, std::size_t depth, float* widened) {
  HWY_DYNAMIC_DISPATCH(widen_panel)
  (reinterpret_cast<const std::uint32_t*>(panel), depth, widened);
}

}  // namespace vggroove::cpu::internal
#endif  // HWY_ONCE

#include "engine/backends/cpu/outer_product.h"

#include <algorithm>
#include <array>
#include <utility>

#include "engine/backends/cpu/highway_targets.h"

#undef HWY_TARGET_INCLUDE
#define HWY_TARGET_INCLUDE "engine/backends/cpu/outer_product.cpp"
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
// As in gemm_fp32.cpp: 12 x 2 sums in 32 registers, 6 x 2 in 16.
constexpr int kTileRows = kLanes == 16 || HWY_ARCH_ARM_A64 ? 12 : 6;

// Of the depth at a time: B's part [192][32] is 24 kB and stays in L1 while the rows pass.
constexpr std::size_t kBlockDepth = 192;

constexpr std::size_t kBlockSide = 32;  // of multiply_by_block

struct Tile {
  const float* a;
  std::size_t a_step;  // along the depth
  const float* b;
  std::size_t b_step;
  float* c;
  std::size_t c_stride;
  std::size_t depth;
  bool accumulate;
};

// kRowStep: from a row of A to the next.
template <int kRows, std::size_t kRowStep>
void multiply_tile(const Tile& tile) {
  Vector sum[kRows][2];
  float* HWY_RESTRICT c = tile.c;
  if (tile.accumulate) {
    HWY_UNROLL(12)
    for (int i = 0; i < kRows; ++i) {
      sum[i][0] = hn::Load(kTag, c + i * tile.c_stride);
      sum[i][1] = hn::Load(kTag, c + i * tile.c_stride + kLanes);
    }
  } else {
    HWY_UNROLL(12)
    for (int i = 0; i < kRows; ++i) {
      sum[i][0] = sum[i][1] = hn::Zero(kTag);
    }
  }
  const float* HWY_RESTRICT a = tile.a;
  const float* HWY_RESTRICT b = tile.b;
  for (std::size_t k = 0; k < tile.depth; ++k) {
    const Vector b0 = hn::Load(kTag, b);
    const Vector b1 = hn::Load(kTag, b + kLanes);
    HWY_UNROLL(12)
    for (int i = 0; i < kRows; ++i) {
      const Vector x = hn::Set(kTag, a[i * kRowStep]);
      sum[i][0] = hn::MulAdd(x, b0, sum[i][0]);
      sum[i][1] = hn::MulAdd(x, b1, sum[i][1]);
    }
    a += tile.a_step;
    b += tile.b_step;
  }
  HWY_UNROLL(12)
  for (int i = 0; i < kRows; ++i) {
    hn::Store(sum[i][0], kTag, c + i * tile.c_stride);
    hn::Store(sum[i][1], kTag, c + i * tile.c_stride + kLanes);
  }
}

using TileFunction = void (*)(const Tile&);
template <std::size_t kRowStep, int... kIndex>
constexpr std::array<TileFunction, kTileRows> tile_functions(
    std::integer_sequence<int, kIndex...>) {
  return {&multiply_tile<kIndex + 1, kRowStep>...};
}
constexpr auto kOuterTiles = tile_functions<1>(std::make_integer_sequence<int, kTileRows>());
constexpr auto kBlockTiles =
    tile_functions<kBlockSide>(std::make_integer_sequence<int, kTileRows>());

void outer(const OuterProduct<float>& p) {
  for (std::size_t k = 0; k < p.depth; k += kBlockDepth) {
    Tile tile{.a = nullptr,
              .a_step = p.a_stride,
              .b = nullptr,
              .b_step = p.b_stride,
              .c = nullptr,
              .c_stride = p.c_stride,
              .depth = std::min(kBlockDepth, p.depth - k),
              .accumulate = p.accumulate || k > 0};
    for (std::size_t column = 0; column < p.columns; column += kTileColumns) {
      tile.b = p.b + k * p.b_stride + column;
      for (std::size_t row = 0; row < p.rows; row += kTileRows) {
        tile.a = p.a + k * p.a_stride + row;
        tile.c = p.c + row * p.c_stride + column;
        kOuterTiles[std::min<std::size_t>(kTileRows, p.rows - row) - 1](tile);
      }
    }
  }
}

void by_block(float* c, const float* a, const float* b, std::size_t rows, std::size_t depth,
              bool accumulate) {
  Tile tile{.a = nullptr,
            .a_step = 1,
            .b = nullptr,
            .b_step = kBlockSide,
            .c = nullptr,
            .c_stride = kBlockSide,
            .depth = depth,
            .accumulate = accumulate};
  for (std::size_t row = 0; row < rows; row += kTileRows) {
    tile.a = a + row * kBlockSide;
    for (std::size_t column = 0; column < kBlockSide; column += kTileColumns) {
      tile.b = b + column;
      tile.c = c + row * kBlockSide + column;
      kBlockTiles[std::min<std::size_t>(kTileRows, rows - row) - 1](tile);
    }
  }
}

}  // namespace
}  // namespace vggroove::cpu::HWY_NAMESPACE
HWY_AFTER_NAMESPACE();

#if HWY_ONCE
namespace vggroove::cpu {
namespace {
HWY_EXPORT(outer);
HWY_EXPORT(by_block);
}  // namespace

void multiply_outer(const OuterProduct<float>& product) {
  HWY_DYNAMIC_DISPATCH(outer)(product);
}
void multiply_by_block(float* c, const float* a, const float* b, std::size_t rows,
                       std::size_t depth, bool accumulate) {
  HWY_DYNAMIC_DISPATCH(by_block)(c, a, b, rows, depth, accumulate);
}

}  // namespace vggroove::cpu
#endif  // HWY_ONCE

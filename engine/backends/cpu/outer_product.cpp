#include "engine/backends/cpu/outer_product.h"

#include <algorithm>
#include <array>
#include <utility>

#include "engine/backends/cpu/gemm.h"
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
static_assert(kGroupRows % kTileRows == 0);

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
  std::size_t c_step;  // from a vector of C's row to the next
  std::size_t depth;
  bool accumulate;
};

// kRowStep: from a row of A to the next. kVectors: of B and C, side by side.
template <int kRows, std::size_t kRowStep, int kVectors>
void multiply_tile(const Tile& tile) {
  Vector sum[kRows][kVectors];
  float* HWY_RESTRICT c = tile.c;
  HWY_UNROLL(12)
  for (int i = 0; i < kRows; ++i) {
    HWY_UNROLL(2)
    for (int j = 0; j < kVectors; ++j) {
      sum[i][j] = tile.accumulate ? hn::Load(kTag, c + i * tile.c_stride + j * tile.c_step)
                                  : hn::Zero(kTag);
    }
  }
  const float* HWY_RESTRICT a = tile.a;
  const float* HWY_RESTRICT b = tile.b;
  for (std::size_t k = 0; k < tile.depth; ++k) {
    Vector columns[kVectors];
    HWY_UNROLL(2)
    for (int j = 0; j < kVectors; ++j) {
      columns[j] = hn::Load(kTag, b + j * kLanes);
    }
    HWY_UNROLL(12)
    for (int i = 0; i < kRows; ++i) {
      const Vector x = hn::Set(kTag, a[i * kRowStep]);
      HWY_UNROLL(2)
      for (int j = 0; j < kVectors; ++j) {
        sum[i][j] = hn::MulAdd(x, columns[j], sum[i][j]);
      }
    }
    a += tile.a_step;
    b += tile.b_step;
  }
  HWY_UNROLL(12)
  for (int i = 0; i < kRows; ++i) {
    HWY_UNROLL(2)
    for (int j = 0; j < kVectors; ++j) {
      hn::Store(sum[i][j], kTag, c + i * tile.c_stride + j * tile.c_step);
    }
  }
}

using TileFunction = void (*)(const Tile&);
using TileFunctions = std::array<TileFunction, kTileRows>;
template <std::size_t kRowStep, int kVectors, int... kIndex>
constexpr TileFunctions tile_functions(std::integer_sequence<int, kIndex...>) {
  return {&multiply_tile<kIndex + 1, kRowStep, kVectors>...};
}
template <std::size_t kRowStep, int kVectors>
constexpr TileFunctions kTiles =
    tile_functions<kRowStep, kVectors>(std::make_integer_sequence<int, kTileRows>());

void outer(const OuterProduct<float>& p) {
  for (std::size_t k = 0; k < p.depth; k += kBlockDepth) {
    Tile tile{.a = nullptr,
              .a_step = p.a_stride,
              .b = nullptr,
              .b_step = p.b_stride,
              .c = nullptr,
              .c_stride = p.c_stride,
              .c_step = kLanes,
              .depth = std::min(kBlockDepth, p.depth - k),
              .accumulate = p.accumulate || k > 0};
    for (std::size_t column = 0; column < p.columns; column += kTileColumns) {
      tile.b = p.b + k * p.b_stride + column;
      for (std::size_t row = 0; row < p.rows; row += kTileRows) {
        tile.a = p.a + k * p.a_stride + row;
        tile.c = p.c + row * p.c_stride + column;
        kTiles<1, 2>[std::min<std::size_t>(kTileRows, p.rows - row) - 1](tile);
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
            .c_step = kLanes,
            .depth = depth,
            .accumulate = accumulate};
  for (std::size_t row = 0; row < rows; row += kTileRows) {
    tile.a = a + row * kBlockSide;
    for (std::size_t column = 0; column < kBlockSide; column += kTileColumns) {
      tile.b = b + column;
      tile.c = c + row * kBlockSide + column;
      kTiles<kBlockSide, 2>[std::min<std::size_t>(kTileRows, rows - row) - 1](tile);
    }
  }
}

void blocks(const BlockProduct& p) {
  constexpr std::size_t kLine = kLineBytes / sizeof(float);
  Tile tile{.a = nullptr,
            .a_step = 1,
            .b = nullptr,
            .b_step = p.b_stride,
            .c = nullptr,
            .c_stride = p.row_step,
            .c_step = kLanes == kLine ? p.line_step : kLanes,
            .depth = p.depth,
            .accumulate = p.accumulate};
  const TileFunctions& wide = p.a_stride == 16 ? kTiles<16, 2> : kTiles<32, 2>;
  const TileFunctions& narrow = p.a_stride == 16 ? kTiles<16, 1> : kTiles<32, 1>;
  for (std::size_t row = 0; row < p.rows; row += kTileRows) {
    const auto last = std::min<std::size_t>(kTileRows, p.rows - row) - 1;
    tile.a = p.a + row * p.a_stride;
    float* const c = p.c + row / kGroupRows * p.group_step + row % kGroupRows * p.row_step;
    for (std::size_t column = 0; column < p.columns; column += kTileColumns) {
      tile.b = p.b + column;
      tile.c = c + column / kLine * p.line_step + column % kLine;
      (p.columns - column < kTileColumns ? narrow : wide)[last](tile);
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
HWY_EXPORT(blocks);
}  // namespace

void multiply_outer(const OuterProduct<float>& product) {
  HWY_DYNAMIC_DISPATCH(outer)(product);
}
void multiply_by_block(float* c, const float* a, const float* b, std::size_t rows,
                       std::size_t depth, bool accumulate) {
  HWY_DYNAMIC_DISPATCH(by_block)(c, a, b, rows, depth, accumulate);
}
void multiply_blocks(const BlockProduct& product) {
  HWY_DYNAMIC_DISPATCH(blocks)(product);
}

}  // namespace vggroove::cpu
#endif  // HWY_ONCE

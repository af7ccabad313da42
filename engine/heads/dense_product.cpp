#include "engine/heads/dense_product.h"

#include <algorithm>
#include <vector>

#undef HWY_TARGET_INCLUDE
#define HWY_TARGET_INCLUDE "engine/heads/dense_product.cpp"
#include <hwy/foreach_target.h>  // compiles the rest of this file once per instruction set
#include <hwy/highway.h>

HWY_BEFORE_NAMESPACE();
namespace vggroove::HWY_NAMESPACE {
namespace hn = hwy::HWY_NAMESPACE;

// A tile of 4 rows x 2 vectors keeps 8 sums in registers: enough to hide the latency of two
// multiply-add units (4 cycles x 2) on every set of instructions with 16 registers.
constexpr std::size_t kTileRows = 4;

// tile [4, 2 N] = a[rows[0..3]] [4, inner] * panel [inner, 2 N]
template <class Real>
void product_tile(Real* tile, const Real* const* rows, std::size_t inner_stride, const Real* panel,
                  std::size_t inner) {
  const hn::ScalableTag<Real> d;
  const std::size_t lanes = hn::Lanes(d);
  auto sum00 = hn::Zero(d), sum01 = hn::Zero(d), sum10 = hn::Zero(d), sum11 = hn::Zero(d);
  auto sum20 = hn::Zero(d), sum21 = hn::Zero(d), sum30 = hn::Zero(d), sum31 = hn::Zero(d);
  for (std::size_t i = 0; i < inner; ++i) {
    const auto b0 = hn::LoadU(d, panel + i * 2 * lanes);
    const auto b1 = hn::LoadU(d, panel + i * 2 * lanes + lanes);
    const auto a0 = hn::Set(d, rows[0][i * inner_stride]);
    sum00 = hn::MulAdd(a0, b0, sum00);
    sum01 = hn::MulAdd(a0, b1, sum01);
    const auto a1 = hn::Set(d, rows[1][i * inner_stride]);
    sum10 = hn::MulAdd(a1, b0, sum10);
    sum11 = hn::MulAdd(a1, b1, sum11);
    const auto a2 = hn::Set(d, rows[2][i * inner_stride]);
    sum20 = hn::MulAdd(a2, b0, sum20);
    sum21 = hn::MulAdd(a2, b1, sum21);
    const auto a3 = hn::Set(d, rows[3][i * inner_stride]);
    sum30 = hn::MulAdd(a3, b0, sum30);
    sum31 = hn::MulAdd(a3, b1, sum31);
  }
  hn::StoreU(sum00, d, tile);
  hn::StoreU(sum01, d, tile + lanes);
  hn::StoreU(sum10, d, tile + 2 * lanes);
  hn::StoreU(sum11, d, tile + 3 * lanes);
  hn::StoreU(sum20, d, tile + 4 * lanes);
  hn::StoreU(sum21, d, tile + 5 * lanes);
  hn::StoreU(sum30, d, tile + 6 * lanes);
  hn::StoreU(sum31, d, tile + 7 * lanes);
}

template <class Real>
void product(Real* c, StridedMatrix<Real> a, const Real* b, std::size_t rows, std::size_t inner,
             std::size_t columns) {
  const std::size_t width = 2 * hn::Lanes(hn::ScalableTag<Real>());
  std::vector<Real> panel(inner * width), tile(kTileRows * width);
  for (std::size_t column = 0; column < columns; column += width) {
    const std::size_t used = std::min(width, columns - column);
    // Columns beyond the edge are zeros, and only `used` of the tile are copied out: the vectors
    // never touch memory outside the matrices.
    for (std::size_t i = 0; i < inner; ++i) {
      std::copy_n(b + i * columns + column, used, panel.data() + i * width);
      std::fill(panel.data() + i * width + used, panel.data() + (i + 1) * width, Real{0});
    }
    for (std::size_t row = 0; row < rows; row += kTileRows) {
      const std::size_t used_rows = std::min(kTileRows, rows - row);
      const Real* starts[kTileRows];
      for (std::size_t r = 0; r < kTileRows; ++r) {  // rows beyond the edge repeat the last one
        starts[r] = a.data + (row + std::min(r, used_rows - 1)) * a.row_stride;
      }
      product_tile(tile.data(), starts, a.inner_stride, panel.data(), inner);
      for (std::size_t r = 0; r < used_rows; ++r) {
        std::copy_n(tile.data() + r * width, used, c + (row + r) * columns + column);
      }
    }
  }
}

void product_float(float* c, StridedMatrix<float> a, const float* b, std::size_t rows,
                   std::size_t inner, std::size_t columns) {
  product(c, a, b, rows, inner, columns);
}

void product_double(double* c, StridedMatrix<double> a, const double* b, std::size_t rows,
                    std::size_t inner, std::size_t columns) {
  product(c, a, b, rows, inner, columns);
}

}  // namespace vggroove::HWY_NAMESPACE
HWY_AFTER_NAMESPACE();

#if HWY_ONCE
namespace vggroove {

HWY_EXPORT(product_float);
HWY_EXPORT(product_double);

void dense_product(float* c, StridedMatrix<float> a, const float* b, std::size_t rows,
                   std::size_t inner, std::size_t columns) {
  HWY_DYNAMIC_DISPATCH(product_float)(c, a, b, rows, inner, columns);
}

void dense_product(double* c, StridedMatrix<double> a, const double* b, std::size_t rows,
                   std::size_t inner, std::size_t columns) {
  HWY_DYNAMIC_DISPATCH(product_double)(c, a, b, rows, inner, columns);
}

}  // namespace vggroove
#endif

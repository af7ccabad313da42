#include "engine/heads/dense_product.h"

#include <algorithm>
#include <vector>

#include "engine/backends/cpu/highway_targets.h"

#undef HWY_TARGET_INCLUDE
#define HWY_TARGET_INCLUDE "engine/heads/dense_product.cpp"
#include <hwy/foreach_target.h>  // compiles the rest of this file once per instruction set
#include <hwy/highway.h>

HWY_BEFORE_NAMESPACE();
namespace vggroove::HWY_NAMESPACE {
namespace hn = hwy::HWY_NAMESPACE;

// Tiles of 4 rows x 2 vectors, or 8 rows x 1 where one vector holds the columns that are left, keep
// 8 sums in registers: enough to hide the latency of two multiply-add units (4 cycles x 2) on every
// set of instructions with 16 registers. Every sum runs over `inner` from its beginning, whatever
// the tile: an element's bits depend on its row and its column alone.
constexpr std::size_t kSums = 8;

// c [rows, vectors] = a [rows, inner] b [inner, vectors], rows = kSums / kVectors.
// kVectors x lanes columns are read from b, and written to c.
template <std::size_t kVectors, class Real>
HWY_INLINE void product_tile(Real* HWY_RESTRICT c, std::size_t c_stride, const Real* const* rows,
                             std::size_t inner_stride, const Real* HWY_RESTRICT b,
                             std::size_t b_stride, std::size_t inner) {
  const hn::CappedTag<Real, 64 / sizeof(Real)> d;
  using Vector = hn::Vec<decltype(d)>;
  const std::size_t lanes = hn::Lanes(d);
  constexpr std::size_t kRows = kSums / kVectors;
  Vector sums[kSums];
  HWY_UNROLL(8)
  for (Vector& sum : sums) {
    sum = hn::Zero(d);
  }
  for (std::size_t i = 0; i < inner; ++i) {
    Vector columns[kVectors];
    HWY_UNROLL(2)
    for (std::size_t v = 0; v < kVectors; ++v) {
      columns[v] = hn::LoadU(d, b + i * b_stride + v * lanes);
    }
    HWY_UNROLL(8)
    for (std::size_t r = 0; r < kRows; ++r) {
      const Vector x = hn::Set(d, rows[r][i * inner_stride]);
      HWY_UNROLL(2)
      for (std::size_t v = 0; v < kVectors; ++v) {
        sums[r * kVectors + v] = hn::MulAdd(x, columns[v], sums[r * kVectors + v]);
      }
    }
  }
  HWY_UNROLL(8)
  for (std::size_t r = 0; r < kRows; ++r) {
    HWY_UNROLL(2)
    for (std::size_t v = 0; v < kVectors; ++v) {
      hn::StoreU(sums[r * kVectors + v], d, c + r * c_stride + v * lanes);
    }
  }
}

// The columns from `column` on, at most kVectors x lanes of them; returns how many those were.
template <std::size_t kVectors, class Real>
std::size_t product_columns(Real* c, StridedMatrix<Real> a, const Real* b, std::size_t rows,
                            std::size_t inner, std::size_t columns, std::size_t column) {
  const std::size_t width = kVectors * hn::Lanes(hn::CappedTag<Real, 64 / sizeof(Real)>());
  const std::size_t used = std::min(width, columns - column);
  constexpr std::size_t kRows = kSums / kVectors;
  constexpr std::size_t kMaxWidth = kVectors * 64 / sizeof(Real);
  // Whole vectors are read where they are. Where columns end before the vectors do, they are copied
  // beside zeros, and only the `used` ones of the tile are copied out: nothing outside the matrices
  // is touched.
  static thread_local std::vector<Real> panel;
  const Real* from = b + column;
  std::size_t from_stride = columns;
  if (used < width) {
    panel.assign(inner * width, Real{0});
    for (std::size_t i = 0; i < inner; ++i) {
      std::copy_n(b + i * columns + column, used, panel.data() + i * width);
    }
    from = panel.data();
    from_stride = width;
  }
  for (std::size_t row = 0; row < rows; row += kRows) {
    const std::size_t used_rows = std::min(kRows, rows - row);
    const Real* starts[kRows];
    for (std::size_t r = 0; r < kRows; ++r) {  // rows beyond the edge repeat the last one
      starts[r] = a.data + (row + std::min(r, used_rows - 1)) * a.row_stride;
    }
    Real* const to = c + row * columns + column;
    if (used == width && used_rows == kRows) {
      product_tile<kVectors>(to, columns, starts, a.inner_stride, from, from_stride, inner);
      continue;
    }
    Real tile[kRows * kMaxWidth];
    product_tile<kVectors>(tile, width, starts, a.inner_stride, from, from_stride, inner);
    for (std::size_t r = 0; r < used_rows; ++r) {
      std::copy_n(tile + r * width, used, to + r * columns);
    }
  }
  return used;
}

template <class Real>
void product(Real* c, StridedMatrix<Real> a, const Real* b, std::size_t rows, std::size_t inner,
             std::size_t columns) {
  const std::size_t lanes = hn::Lanes(hn::CappedTag<Real, 64 / sizeof(Real)>());
  for (std::size_t column = 0; column < columns;) {
    column += columns - column > lanes ? product_columns<2>(c, a, b, rows, inner, columns, column)
                                       : product_columns<1>(c, a, b, rows, inner, columns, column);
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

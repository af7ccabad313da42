#pragma once

#include <cstddef>

namespace vggroove {

// A matrix read with strides, so that a transposed operand needs no copy: element (row, inner) is
// data[row * row_stride + inner * inner_stride].
template <class Real>
struct StridedMatrix {
  const Real* data;
  std::size_t row_stride, inner_stride;
};

// c [rows, columns] = a [rows, inner] b [inner, columns], b and c row-major and dense.
// Sizes are those of heads (128 x 512 at most per call of 32..5000 rows): nothing is blocked for
// caches beyond a panel of two vectors. Single-threaded; callers run folds in parallel. An
// element's bits depend on its row of a and its column of b alone, not on what lies beside them.
void dense_product(float* c, StridedMatrix<float> a, const float* b, std::size_t rows,
                   std::size_t inner, std::size_t columns);
void dense_product(double* c, StridedMatrix<double> a, const double* b, std::size_t rows,
                   std::size_t inner, std::size_t columns);

}  // namespace vggroove

#pragma once

#include <cublasLt.h>

#include <cstddef>
#include <cstdint>

#include "engine/backends/sim/numbers.h"

namespace vggroove::sim {

// Column-major matrices, one after the other.
struct MatrixLayout {
  NumberType type;
  std::size_t rows, columns;
  std::size_t batch = 1;   // matrices,
  std::size_t stride = 0;  // so many elements from the beginning of one to that of the next
  std::size_t bytes() const { return ((batch - 1) * stride + rows * columns) * bytes_of(type); }
  std::size_t offset_bytes(std::size_t matrix) const { return matrix * stride * bytes_of(type); }
  friend bool operator==(const MatrixLayout&, const MatrixLayout&) = default;
};

// What is asked of a product D = op(A) * op(B).
struct ProductDescription {
  bool tf32 = false;
  std::uint32_t epilogue = CUBLASLT_EPILOGUE_DEFAULT;
  const void* bias = nullptr;
  bool transpose_a = false, transpose_b = false;
};

inline bool has_bias(const ProductDescription& description) {
  return description.epilogue == CUBLASLT_EPILOGUE_BIAS ||
         description.epilogue == CUBLASLT_EPILOGUE_RELU_BIAS;
}

inline bool has_bias_gradient(const ProductDescription& description) {
  return description.epilogue == CUBLASLT_EPILOGUE_BGRADA;
}

// What an algorithm was chosen for; stored inside cublasLtMatmulAlgo_t.
struct ProductChoice {
  std::uint32_t rows, columns, depth, batch;
  std::uint32_t epilogue;
  bool transpose_a, transpose_b;
  friend bool operator==(const ProductChoice&, const ProductChoice&) = default;
};

struct Product {
  ProductDescription description;
  ProductChoice sizes;
  MatrixLayout a_layout, b_layout, d_layout;
  const void *a, *b;
  void* d;
  bool accumulate;
};

// Computed plainly, with sums in double.
void multiply(const Product& product);

}  // namespace vggroove::sim

#pragma once

#include <cstddef>

// The matrix products of backward passes, whose operands are summed over the batch: plain
// row-major matrices, nothing packed.
namespace vggroove::cpu {

// C [rows, columns] (+)= A^T B, A [depth, rows], B [depth, columns].
struct OuterProduct {
  const float* a = nullptr;  // 64-byte aligned, a_stride a multiple of 16
  std::size_t a_stride = 0;
  const float* b = nullptr;  // as a
  std::size_t b_stride = 0;
  float* c = nullptr;  // as a
  std::size_t c_stride = 0;
  std::size_t rows = 0, columns = 0;  // columns: a multiple of 32
  std::size_t depth = 0;
  bool accumulate = false;  // add to C instead of overwriting it
};
// Bound: fp32 multiply-add peak, with B's [depth, 32] in L1 and A in L2.
void multiply_outer(const OuterProduct& product);

// C [rows, 32] (+)= A B, A [rows, 32] and B [32, 32], of which the first `depth` columns (rows)
// count. All dense, 64-byte aligned. Bound: memory, for A and C are used once.
void multiply_by_block(float* c, const float* a, const float* b, std::size_t rows,
                       std::size_t depth, bool accumulate);

}  // namespace vggroove::cpu

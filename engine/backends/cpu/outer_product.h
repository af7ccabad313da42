#pragma once

#include <cstddef>
#include <cstdint>

// The matrix products of backward passes, whose operands are summed over the batch: plain
// row-major matrices, nothing packed.
namespace vggroove::cpu {

// C [rows, columns] (+)= A^T B, A [depth, rows], B [depth, columns]. An element is a float, or a
// word of two bf16: then a row of A and one of B are two neighbours along the depth.
template <class Element>
struct OuterProduct {
  const Element* a = nullptr;  // 64-byte aligned, a_stride a multiple of 16
  std::size_t a_stride = 0;
  const Element* b = nullptr;  // as a
  std::size_t b_stride = 0;
  float* c = nullptr;  // as a
  std::size_t c_stride = 0;
  std::size_t rows = 0, columns = 0;  // columns: a multiple of 32
  std::size_t depth = 0;
  bool accumulate = false;  // add to C instead of overwriting it
};
// Accumulation is fp32. Bound: multiply-add peak, with a block of B's columns in L1 and A in L2.
void multiply_outer(const OuterProduct<float>& product);
// Only where the processor has the dot product of bf16 pairs (device/cpu_info.h).
void multiply_outer(const OuterProduct<std::uint32_t>& product);

// C [rows, 32] (+)= A B, A [rows, 32] and B [32, 32], of which the first `depth` columns (rows)
// count. All dense, 64-byte aligned. Bound: memory, for A and C are used once.
void multiply_by_block(float* c, const float* a, const float* b, std::size_t rows,
                       std::size_t depth, bool accumulate);

// C [rows, columns] (+)= A B, A [rows, depth] with rows of a_stride floats, B [depth, columns]. C
// is plain, or the layout of A in gemm.h: group_step floats from one group of 12 rows to the next,
// row_step from row to row within it, line_step from one 16 columns of a row to the next.
struct BlockProduct {
  const float* a = nullptr;
  std::size_t a_stride = 0;  // 16 or 32
  const float* b = nullptr;  // 64-byte aligned, b_stride a multiple of 16
  std::size_t b_stride = 0;
  float* c = nullptr;  // 64-byte aligned, its steps multiples of 16
  std::size_t group_step = 0, row_step = 0, line_step = 0;
  std::size_t rows = 0, columns = 0;  // columns: a multiple of 16
  std::size_t depth = 0;
  bool accumulate = false;  // add to C instead of overwriting it
};
// Bound: multiply-add peak; a sum runs over the depth in ascending order.
void multiply_blocks(const BlockProduct& product);

}  // namespace vggroove::cpu

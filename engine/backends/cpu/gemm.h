#pragma once

#include <cstddef>
#include <cstdint>

// The matrix product that convolutions (36 of them per Winograd layer) and dense layers share:
//   C [rows, 32] (+)= A [rows, depth] * B [depth, 32]
// One panel of B at a time, because then the panel stays in the cache while the rows pass, and the
// panels of a whole layer are one stream that can be prefetched. Accumulation is fp32, over the
// depth in ascending order whatever the number of rows: a row's result does not depend on its
// neighbours.
//
// Layout of A: groups of 12 rows; in a group, lines of 64 bytes:
//   [row group][line][12 rows][64 bytes]; a line is 16 floats or 32 bf16 along the depth
// Layout of B: [depth][32] float, or bf16 as Arithmetic says.
namespace vggroove::cpu {

inline constexpr std::size_t kGroupRows = 12;
inline constexpr std::size_t kPanelColumns = 32;
inline constexpr std::size_t kLineBytes = 64;

enum class Arithmetic {
  // A and B float.
  kFp32,
  // A float, B [depth][32] bf16 (pairs of columns j and 16 + j side by side), widened to float
  // once per panel. Half the memory traffic at the rate of fp32.
  kBf16Weights,
  // A bf16, B [depth / 2][32][2] bf16: the processor's dot product of pairs (avx512_bf16).
  kBf16Dot,
};

constexpr std::size_t a_element_bytes(Arithmetic arithmetic) {
  return arithmetic == Arithmetic::kBf16Dot ? 2 : 4;
}
constexpr std::size_t b_element_bytes(Arithmetic arithmetic) {
  return arithmetic == Arithmetic::kFp32 ? 4 : 2;
}
// Bytes of one group of 12 rows of A.
constexpr std::size_t a_group_bytes(Arithmetic arithmetic, std::size_t depth) {
  return kGroupRows * depth * a_element_bytes(arithmetic);
}
constexpr std::size_t b_panel_bytes(Arithmetic arithmetic, std::size_t depth) {
  return kPanelColumns * depth * b_element_bytes(arithmetic);
}

// Memory that a coming product will read, drawn into the L2 cache meanwhile.
struct PrefetchRange {
  const std::byte* begin = nullptr;
  std::size_t bytes = 0;
};

struct PanelProduct {
  const std::byte* a = nullptr;   // 64-byte aligned
  std::size_t a_group_bytes = 0;  // from a row group to the next (more than its own size
                                  // where `depth` is a part of a longer row)
  std::size_t rows = 0;
  const std::byte* b = nullptr;  // 64-byte aligned
  std::size_t depth = 0;         // multiple of 16 (kBf16Dot: 32)
  float* c = nullptr;            // 64-byte aligned; [rows][c_stride]
  std::size_t c_stride = 0;      // multiple of 16
  bool accumulate = false;       // add to C instead of overwriting it
  PrefetchRange prefetch[2];
};

// kBf16Weights widens this much of a panel at a time: 32 kB of floats, which stay in L1.
inline constexpr std::size_t kWidenedDepth = 256;
inline constexpr std::size_t kWidenedBytes = kWidenedDepth * kPanelColumns * sizeof(float);

// Bound: fp32 multiply-add peak; 93 to 99 % of it with everything but the panel in L2 or beyond.
// widened: kWidenedBytes of scratch memory, 64-byte aligned; used by kBf16Weights only.
void multiply_panel(Arithmetic arithmetic, const PanelProduct& product, float* widened);

// weights [depth][row_stride] row-major, of which the first 32 columns become one panel of B.
void pack_panel(Arithmetic arithmetic, const float* weights, std::size_t row_stride,
                std::size_t depth, std::byte* panel);

// matrix [rows][depth] row-major -> A, depth a multiple of 16 (kBf16Dot: 32). Rows that complete
// the last group are left as they are.
void pack_rows(Arithmetic arithmetic, const float* matrix, std::size_t rows, std::size_t depth,
               std::byte* a);

namespace internal {  // one file each; multiply_panel chooses
void multiply_panel_fp32(const PanelProduct& product);
void widen_panel(const std::byte* panel, std::size_t depth, float* widened);
void multiply_panel_bf16_dot(const PanelProduct& product);
}  // namespace internal

}  // namespace vggroove::cpu

#include "engine/backends/cpu/gemm.h"

#include <algorithm>
#include <cstring>

#include "kernels/common/bfloat16.h"

namespace vggroove::cpu {

namespace {

void multiply_widened(const PanelProduct& product, float* widened) {
  PanelProduct part = product;
  part.b = reinterpret_cast<const std::byte*>(widened);
  for (std::size_t k = 0; k < product.depth; k += kWidenedDepth) {
    part.depth = std::min(kWidenedDepth, product.depth - k);
    internal::widen_panel(product.b + b_panel_bytes(Arithmetic::kBf16Weights, k), part.depth,
                          widened);
    part.a = product.a + a_group_bytes(Arithmetic::kBf16Weights, k);
    part.accumulate = product.accumulate || k > 0;
    for (int s = 0; s < 2; ++s) {  // each part prefetches in proportion to its depth
      const std::size_t lines = product.prefetch[s].bytes / kLineBytes;
      const std::size_t first = lines * k / product.depth;
      const std::size_t last = lines * (k + part.depth) / product.depth;
      part.prefetch[s] = {product.prefetch[s].begin + first * kLineBytes,
                          (last - first) * kLineBytes};
    }
    internal::multiply_panel_fp32(part);
  }
}

}  // namespace

void multiply_panel(Arithmetic arithmetic, const PanelProduct& product, float* widened) {
  switch (arithmetic) {
    case Arithmetic::kFp32:
      internal::multiply_panel_fp32(product);
      return;
    case Arithmetic::kBf16Weights:
      multiply_widened(product, widened);
      return;
    case Arithmetic::kBf16Dot:
      internal::multiply_panel_bf16_dot(product);
      return;
  }
}

void pack_panel(Arithmetic arithmetic, const float* weights, std::size_t row_stride,
                std::size_t depth, std::byte* panel) {
  if (arithmetic == Arithmetic::kFp32 && row_stride == kPanelColumns) {
    std::memcpy(panel, weights, depth * kPanelColumns * sizeof(float));
    return;
  }
  constexpr std::size_t kHalf = kPanelColumns / 2;
  auto* const words = reinterpret_cast<std::uint32_t*>(panel);
  for (std::size_t k = 0; k < depth; ++k) {
    const float* const row = weights + k * row_stride;
    switch (arithmetic) {
      case Arithmetic::kFp32:
        std::memcpy(words + k * kPanelColumns, row, kPanelColumns * sizeof(float));
        break;
      case Arithmetic::kBf16Weights:
        for (std::size_t j = 0; j < kHalf; ++j) {
          words[k * kHalf + j] =
              to_bfloat16_bits(row[j]) | std::uint32_t{to_bfloat16_bits(row[kHalf + j])} << 16;
        }
        break;
      case Arithmetic::kBf16Dot:
        if (k % 2 == 0) {
          for (std::size_t j = 0; j < kPanelColumns; ++j) {
            words[k / 2 * kPanelColumns + j] =
                to_bfloat16_bits(row[j]) | std::uint32_t{to_bfloat16_bits(row[row_stride + j])}
                                               << 16;
          }
        }
        break;
    }
  }
}

void pack_rows(Arithmetic arithmetic, const float* matrix, std::size_t rows, std::size_t depth,
               std::byte* a) {
  const std::size_t line_elements = kLineBytes / a_element_bytes(arithmetic);
  const std::size_t num_lines = depth / line_elements;
  for (std::size_t row = 0; row < rows; ++row) {
    const float* const from = matrix + row * depth;
    std::byte* const to =
        a + row / kGroupRows * a_group_bytes(arithmetic, depth) + row % kGroupRows * kLineBytes;
    for (std::size_t line = 0; line < num_lines; ++line) {
      const float* const values = from + line * line_elements;
      std::byte* const line_bytes = to + line * kGroupRows * kLineBytes;
      if (arithmetic == Arithmetic::kBf16Dot) {
        auto* const halves = reinterpret_cast<std::uint16_t*>(line_bytes);
        for (std::size_t j = 0; j < line_elements; ++j) {
          halves[j] = to_bfloat16_bits(values[j]);
        }
      } else {
        std::memcpy(line_bytes, values, kLineBytes);
      }
    }
  }
}

}  // namespace vggroove::cpu

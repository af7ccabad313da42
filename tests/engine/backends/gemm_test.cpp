// One panel product on every SIMD target against plain integer sums: with small integers every
// product and sum is exact in fp32 and the inputs are exact in bf16, so results must be EQUAL.
#include "engine/backends/cpu/gemm.h"

#include <gtest/gtest.h>

#include <cstring>
#include <vector>

#include "engine/device/cpu_info.h"
#include "tests/support/guarded_buffer.h"
#include "tests/support/simd_targets.h"

namespace vggroove::cpu {
namespace {

using testing::for_each_simd_target;
using testing::GuardedBuffer;

std::vector<float> small_integers(std::size_t count, unsigned seed) {
  std::vector<float> values(count);
  std::uint32_t state = seed;
  for (float& value : values) {
    state = state * 1664525 + 1013904223;
    value = static_cast<float>(static_cast<int>(state >> 24) % 17 - 8);
  }
  return values;
}

std::size_t padded_rows(std::size_t rows) {
  return (rows + kGroupRows - 1) / kGroupRows * kGroupRows;
}

void expect_exact_product(Arithmetic arithmetic, std::size_t rows, std::size_t depth,
                          bool accumulate) {
  SCOPED_TRACE(::testing::Message()
               << "rows " << rows << ", depth " << depth << ", accumulate " << accumulate);
  constexpr std::size_t kRowStride = 48;  // the weights' matrix is wider than a panel
  const std::vector<float> a = small_integers(rows * depth, 1);
  const std::vector<float> b = small_integers(depth * kRowStride, 2);
  GuardedBuffer packed_a(padded_rows(rows) * depth * a_element_bytes(arithmetic));
  GuardedBuffer packed_b(b_panel_bytes(arithmetic, depth));
  pack_rows(arithmetic, a.data(), rows, depth, packed_a.data());
  pack_panel(arithmetic, b.data(), kRowStride, depth, packed_b.data());
  GuardedBuffer widened(kWidenedBytes);

  constexpr std::size_t kStride = 64;
  GuardedBuffer c(((rows - 1) * kStride + kPanelColumns) * sizeof(float));
  const std::span<float> sums = c.as<float>();
  std::fill(sums.begin(), sums.end(), 3.0f);
  PanelProduct product;
  product.a = packed_a.data();
  product.a_group_bytes = a_group_bytes(arithmetic, depth);
  product.rows = rows;
  product.b = packed_b.data();
  product.depth = depth;
  product.c = sums.data();
  product.c_stride = kStride;
  product.accumulate = accumulate;
  product.prefetch[0] = {packed_b.data(), packed_b.bytes()};
  multiply_panel(arithmetic, product, widened.as<float>().data());

  int num_wrong = 0;
  for (std::size_t row = 0; row < rows; ++row) {
    for (std::size_t column = 0; column < kStride; ++column) {
      const std::size_t place = row * kStride + column;
      if (place >= sums.size()) {
        break;
      }
      double expected = column >= kPanelColumns || accumulate ? 3 : 0;
      for (std::size_t k = 0; column < kPanelColumns && k < depth; ++k) {
        expected += double{a[row * depth + k]} * b[k * kRowStride + column];
      }
      num_wrong += static_cast<double>(sums[place]) == expected ? 0 : 1;
    }
  }
  EXPECT_EQ(num_wrong, 0);
}

void expect_exact_products(Arithmetic arithmetic) {
  for (const std::size_t rows : {1, 2, 3, 5, 6, 7, 11, 12, 13, 18, 23, 24, 25, 33}) {
    expect_exact_product(arithmetic, rows, 32, false);
  }
  for (const std::size_t depth : {64, 96, 256, 512}) {
    expect_exact_product(arithmetic, 13, depth, false);
    expect_exact_product(arithmetic, 13, depth, true);
  }
}

TEST(Gemm, fp32_is_exact_on_integers) {
  for_each_simd_target([] { expect_exact_products(Arithmetic::kFp32); });
}

TEST(Gemm, bf16_weights_are_exact_on_integers) {
  for_each_simd_target([] { expect_exact_products(Arithmetic::kBf16Weights); });
}

TEST(Gemm, bf16_dot_is_exact_on_integers) {
  if (!cpu_info().has_bf16_dot) {
    GTEST_SKIP() << "this processor has no avx512_bf16";
  }
  expect_exact_products(Arithmetic::kBf16Dot);
}

TEST(Gemm, a_row_does_not_depend_on_the_number_of_rows) {
  constexpr std::size_t kDepth = 64, kRows = 24;
  std::vector<float> a(kRows * kDepth), b(kDepth * kPanelColumns);
  for (std::size_t i = 0; i < a.size(); ++i) {
    a[i] = std::sin(static_cast<float>(i));
  }
  for (std::size_t i = 0; i < b.size(); ++i) {
    b[i] = std::cos(static_cast<float>(i));
  }
  for_each_simd_target([&] {
    for (const Arithmetic arithmetic :
         {Arithmetic::kFp32, Arithmetic::kBf16Weights, Arithmetic::kBf16Dot}) {
      if (arithmetic == Arithmetic::kBf16Dot && !cpu_info().has_bf16_dot) {
        continue;
      }
      GuardedBuffer packed_a(a_group_bytes(arithmetic, kDepth) * kRows / kGroupRows);
      GuardedBuffer packed_b(b_panel_bytes(arithmetic, kDepth));
      GuardedBuffer widened(kWidenedBytes);
      pack_rows(arithmetic, a.data(), kRows, kDepth, packed_a.data());
      pack_panel(arithmetic, b.data(), kPanelColumns, kDepth, packed_b.data());
      GuardedBuffer all(kRows * kPanelColumns * sizeof(float));
      PanelProduct product;
      product.a = packed_a.data();
      product.a_group_bytes = a_group_bytes(arithmetic, kDepth);
      product.rows = kRows;
      product.b = packed_b.data();
      product.depth = kDepth;
      product.c = all.as<float>().data();
      product.c_stride = kPanelColumns;
      multiply_panel(arithmetic, product, widened.as<float>().data());
      for (std::size_t rows = 1; rows < kRows; ++rows) {
        GuardedBuffer some(rows * kPanelColumns * sizeof(float));
        product.rows = rows;
        product.c = some.as<float>().data();
        multiply_panel(arithmetic, product, widened.as<float>().data());
        EXPECT_EQ(std::memcmp(some.data(), all.data(), some.bytes()), 0) << rows << " rows";
      }
    }
  });
}

}  // namespace
}  // namespace vggroove::cpu

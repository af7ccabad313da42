// The dense layers of CpuTraining.
//
// Weights, of sizes that are multiples of 32, lie in panels [out / 32][in][32]; other layers (the
// head's) as they come. The batch is cut into blocks of 32 examples, the last one filled up with
// zeros; per block
//   transposed activations  [in][32 examples]
//   gradients               [out / 32][32 examples][32 outputs], and each square transposed
#include <algorithm>
#include <cstring>

#include "engine/backends/cpu/cpu_training.h"
#include "engine/backends/cpu/elementwise.h"
#include "engine/backends/cpu/gemm.h"
#include "engine/backends/cpu/outer_product.h"

namespace vggroove::cpu {
namespace {

constexpr std::size_t kSide = kPanelColumns;
constexpr std::size_t kSquare = kSide * kSide;

constexpr std::size_t kProductDepth = 256;  // of a panel: 32 kB, stays in L1
// Inputs at a time in the backward pass: their gradients [1024][32], 128 kB, stay in L2 while the
// panels pass.
constexpr std::size_t kBlockInputs = 1024;

bool has_panels(const DenseShape& shape) {
  return shape.in % kSide == 0 && shape.out % kSide == 0;
}

constexpr std::size_t blocks_of(std::size_t n, std::size_t size) {
  return (n + size - 1) / size;
}

// to [columns][32] = the transpose of from [rows][columns], rows <= 32; the rest is 0
void transpose_block(const float* from, std::size_t stride, std::size_t rows, std::size_t columns,
                     float* to) {
  constexpr std::size_t kBlock = 16;
  for (std::size_t first = 0; first < columns; first += kBlock) {
    const std::size_t end = std::min(columns, first + kBlock);
    for (std::size_t row = 0; row < kSide; ++row) {
      for (std::size_t column = first; column < end; ++column) {
        to[column * kSide + row] = row < rows ? from[row * stride + column] : 0;
      }
    }
  }
}

}  // namespace

void CpuTraining::dense_weights_to_device(float* to, const float* host_from,
                                          const DenseShape& shape) {
  if (!has_panels(shape)) {
    std::copy_n(host_from, shape.in * shape.out, to);
    return;
  }
  team_.run(shape.out / kSide, [&](std::size_t panel, unsigned) {
    for (std::size_t i = 0; i < shape.in; ++i) {
      std::copy_n(host_from + i * shape.out + panel * kSide, kSide,
                  to + (panel * shape.in + i) * kSide);
    }
  });
}

void CpuTraining::dense_weights_to_host_sync(float* host_to, const float* from,
                                             const DenseShape& shape) {
  if (!has_panels(shape)) {
    std::copy_n(from, shape.in * shape.out, host_to);
    return;
  }
  team_.run(shape.out / kSide, [&](std::size_t panel, unsigned) {
    for (std::size_t i = 0; i < shape.in; ++i) {
      std::copy_n(from + (panel * shape.in + i) * kSide, kSide,
                  host_to + i * shape.out + panel * kSide);
    }
  });
}

void CpuTraining::dense(void* y_data, const void* x_data, const float* weights, const float* biases,
                        bool relu, const DenseShape& shape) {
  auto* const y = static_cast<float*>(y_data);
  const auto* const x = static_cast<const float*>(x_data);
  if (!has_panels(shape)) {
    vggroove::dense(y, x, weights, biases, shape);
    if (relu) {
      vggroove::relu(y, shape.n * shape.out);
    }
    return;
  }
  const std::size_t group_bytes = a_group_bytes(Arithmetic::kFp32, shape.in);
  auto* const a = reinterpret_cast<std::byte*>(
      shared<float>(0, blocks_of(shape.n, kGroupRows) * group_bytes / sizeof(float)));
  pack_rows(Arithmetic::kFp32, x, shape.n, shape.in, a);
  // C of a panel [n][32] straight in y would be strided; the sums stay in L1 in scratch memory.
  team_.run(shape.out / kSide, [&](std::size_t panel, unsigned member) {
    auto* const c =
        reinterpret_cast<float*>(grown(scratch_[member], shape.n * kSide * sizeof(float)));
    PanelProduct product;
    product.a_group_bytes = group_bytes;
    product.rows = shape.n;
    product.c = c;
    product.c_stride = kSide;
    for (std::size_t k = 0; k < shape.in; k += kProductDepth) {
      product.depth = std::min(kProductDepth, shape.in - k);
      product.a = a + a_group_bytes(Arithmetic::kFp32, k);
      product.b = reinterpret_cast<const std::byte*>(weights + (panel * shape.in + k) * kSide);
      product.accumulate = k > 0;
      const std::byte* const next = product.b + b_panel_bytes(Arithmetic::kFp32, product.depth);
      const std::size_t left = std::min(kProductDepth, shape.in - k - product.depth);
      const std::size_t half = b_panel_bytes(Arithmetic::kFp32, left) / 2;
      product.prefetch[0] = {next, half};
      product.prefetch[1] = {next + half, half};
      multiply_panel(Arithmetic::kFp32, product, nullptr);
    }
    for (std::size_t row = 0; row < shape.n; ++row) {
      for (std::size_t j = 0; j < kSide; ++j) {
        const float sum = c[row * kSide + j] + biases[panel * kSide + j];
        y[row * shape.out + panel * kSide + j] = relu && !(sum > 0) ? 0 : sum;
      }
    }
  });
}

void CpuTraining::dense_dgrad(void* grad_x_data, const void* grad_y_data, const float* weights,
                              const void* x_data, bool x_is_relu, const DenseShape& shape) {
  auto* const grad_x = static_cast<float*>(grad_x_data);
  const auto* const grad_y = static_cast<const float*>(grad_y_data);
  const auto* const x = static_cast<const float*>(x_data);
  if (!has_panels(shape)) {
    for (std::size_t i = 0; i < shape.n * shape.in; ++i) {
      const float* const row = weights + i % shape.in * shape.out;
      const float* const grad = grad_y + i / shape.in * shape.out;
      grad_x[i] = 0;
      for (std::size_t o = 0; o < shape.out; ++o) {
        grad_x[i] += row[o] * grad[o];
      }
    }
    if (x_is_relu) {
      mask_part(grad_x, x, shape.n * shape.in);
    }
    return;
  }
  // grad_x^T of 32 examples = sum over panels of weights [in][32] times grad_y^T [32][32 examples]
  const std::size_t num_blocks = blocks_of(shape.n, kSide);
  auto* const transposed = shared<float>(0, num_blocks * shape.out * kSide);
  for (std::size_t block = 0; block < num_blocks; ++block) {
    transpose_block(grad_y + block * kSide * shape.out, shape.out,
                    std::min(kSide, shape.n - block * kSide), shape.out,
                    transposed + block * shape.out * kSide);
  }
  team_.run(blocks_of(shape.in, kBlockInputs), [&](std::size_t piece, unsigned member) {
    const std::size_t first = piece * kBlockInputs;
    const std::size_t inputs = std::min(kBlockInputs, shape.in - first);
    auto* const sums = reinterpret_cast<float*>(
        grown(scratch_[member], num_blocks * kBlockInputs * kSide * sizeof(float)));
    for (std::size_t panel = 0; panel < shape.out / kSide; ++panel) {
      const float* const part = weights + (panel * shape.in + first) * kSide;
      for (std::size_t block = 0; block < num_blocks; ++block) {
        multiply_by_block(sums + block * kBlockInputs * kSide, part,
                          transposed + (block * shape.out + panel * kSide) * kSide, inputs, kSide,
                          panel > 0);
      }
    }
    for (std::size_t row = 0; row < shape.n; ++row) {
      const float* const from = sums + row / kSide * kBlockInputs * kSide + row % kSide;
      float* const to = grad_x + row * shape.in + first;
      for (std::size_t i = 0; i < inputs; ++i) {
        to[i] = from[i * kSide];
      }
      if (x_is_relu) {
        mask_part(to, x + row * shape.in + first, inputs);
      }
    }
  });
}

void CpuTraining::dense_wgrad(float* grad_weights, float* grad_biases, const void* grad_y_data,
                              const void* x_data, GradientMode mode, const DenseShape& shape) {
  const auto* const grad_y = static_cast<const float*>(grad_y_data);
  const auto* const x = static_cast<const float*>(x_data);
  const bool accumulate = mode == GradientMode::kAccumulate;
  sum_over_rows(grad_biases, grad_y, shape.n, shape.out, mode);
  if (!has_panels(shape)) {
    for (std::size_t i = 0; i < shape.in; ++i) {
      float* const to = grad_weights + i * shape.out;
      if (!accumulate) {
        std::fill_n(to, shape.out, 0.0F);
      }
      for (std::size_t row = 0; row < shape.n; ++row) {
        for (std::size_t o = 0; o < shape.out; ++o) {
          to[o] += x[row * shape.in + i] * grad_y[row * shape.out + o];
        }
      }
    }
    return;
  }
  const std::size_t num_blocks = blocks_of(shape.n, kSide);
  auto* const transposed = shared<float>(0, num_blocks * shape.in * kSide);
  for (std::size_t block = 0; block < num_blocks; ++block) {
    transpose_block(x + block * kSide * shape.in, shape.in,
                    std::min(kSide, shape.n - block * kSide), shape.in,
                    transposed + block * shape.in * kSide);
  }
  team_.run(shape.out / kSide, [&](std::size_t panel, unsigned member) {
    auto* const square = reinterpret_cast<float*>(grown(scratch_[member], kSquare * sizeof(float)));
    for (std::size_t block = 0; block < num_blocks; ++block) {
      const std::size_t rows = std::min(kSide, shape.n - block * kSide);
      for (std::size_t row = 0; row < rows; ++row) {
        std::copy_n(grad_y + (block * kSide + row) * shape.out + panel * kSide, kSide,
                    square + row * kSide);
      }
      multiply_by_block(grad_weights + panel * shape.in * kSide,
                        transposed + block * shape.in * kSide, square, shape.in, rows,
                        accumulate || block > 0);
    }
  });
}

}  // namespace vggroove::cpu

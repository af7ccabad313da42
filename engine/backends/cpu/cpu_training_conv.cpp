// The convolutions of CpuTraining.
#include <fmt/format.h>

#include <algorithm>
#include <cstdint>
#include <type_traits>
#include <vector>

#include "base/error.h"
#include "engine/backends/cpu/conv1_training.h"
#include "engine/backends/cpu/cpu_training.h"
#include "engine/backends/cpu/elementwise.h"
#include "engine/backends/cpu/outer_product.h"
#include "engine/backends/cpu/winograd_transform.h"

namespace vggroove::cpu {
namespace {

constexpr std::size_t kFilterPiece = WinogradFilters::kPieceDepth;

// V and Q of the tiles that wgrad takes at a time: they are written by all threads and read once,
// from the last level cache (32 MB on the machine where this was chosen).
constexpr std::size_t kWgradElements = std::size_t{5} << 20;
constexpr std::size_t kWgradTiles = 192;  // at least: each block reads and writes 36 [in, out] sums
// Tiles transformed by one thread at a time; even, like the blocks, for bf16 puts two side by side.
constexpr std::size_t kTransformTiles = 24;

// As in winograd_filters.cpp: matrices of frequencies stay out of one cache set.
constexpr std::size_t kSkewFloats = 48;

void check_shape(const Conv3x3Shape& shape) {
  const bool first = shape.in_channels == 1 && shape.out_channels % 32 == 0 && shape.height > 0 &&
                     shape.width > 0 && shape.out_channels > 0;
  // The input gradient is a convolution the other way round.
  const bool other = WinogradFilters::can_take(shape.in_channels, shape.out_channels) &&
                     WinogradFilters::can_take(shape.out_channels, shape.in_channels) &&
                     shape.height > 0 && shape.height % kTileOutputs == 0 && shape.width > 0 &&
                     shape.width % kTileOutputs == 0;
  if (!first && !other) {
    throw Error(ErrorClass::kUsage,
                fmt::format("the cpu does not train a convolution of {}x{}x{} to {} channels",
                            shape.height, shape.width, shape.in_channels, shape.out_channels));
  }
}

constexpr std::size_t rows_of_tiles(std::size_t tiles, std::size_t row_tiles) {
  return (tiles + row_tiles - 1) / row_tiles;
}

Conv1Image image_of(const Conv3x3Shape& shape) {
  return {shape.height, shape.width, shape.out_channels};
}

// to [kFilterPiece][in] = rows [first, first + kFilterPiece) of the transpose of from [in][out]
void transpose_columns(const float* from, std::size_t in, std::size_t out, std::size_t first,
                       float* to) {
  constexpr std::size_t kBlock = 16;
  for (std::size_t i = 0; i < in; i += kBlock) {
    for (std::size_t o = 0; o < kFilterPiece; ++o) {
      for (std::size_t j = i; j < std::min(in, i + kBlock); ++j) {
        to[o * in + j] = from[j * out + first + o];
      }
    }
  }
}

}  // namespace

void CpuTraining::conv3x3_weights_to_device(float* to, const float* host_from,
                                            const Conv3x3Shape& shape) {
  check_shape(shape);
  std::copy_n(host_from, shape.weights_count(), to);
}
void CpuTraining::conv3x3_weights_to_host_sync(float* host_to, const float* from,
                                               const Conv3x3Shape& shape) {
  std::copy_n(from, shape.weights_count(), host_to);
}

WinogradFilters& CpuTraining::filters(std::size_t in_channels, std::size_t out_channels) {
  const auto key = std::pair(in_channels, out_channels);
  auto found = filters_.find(key);
  if (found == filters_.end()) {
    found = filters_.emplace(key, WinogradFilters(arithmetic_, in_channels, out_channels)).first;
  }
  return found->second;
}

void CpuTraining::convolve(const WinogradFilters& filters, const float* input,
                           const OutputTransform& finish, std::size_t n, std::size_t in_channels) {
  const ImageShape input_shape{finish.shape.height, finish.shape.width, in_channels};
  const std::size_t all_tiles = n * tiles_per_image(input_shape);
  // A pass for every thread at least; no tile's sums depend on how the tiles are divided.
  const std::size_t share = all_tiles / team_.num_threads() / kGroupRows * kGroupRows;
  const std::size_t pass_tiles =
      std::min(WinogradFilters::pass_tiles(input_shape), std::max(share, kGroupRows));
  const std::size_t scratch_bytes = filters.scratch_bytes(std::min(pass_tiles, all_tiles));
  team_.run((all_tiles + pass_tiles - 1) / pass_tiles, [&](std::size_t pass, unsigned member) {
    OutputTransform part = finish;
    part.first_tile = pass * pass_tiles;
    part.num_tiles = std::min(pass_tiles, all_tiles - part.first_tile);
    filters.apply(input, part, grown(scratch_[member], scratch_bytes));
  });
}

void CpuTraining::conv1_forward(float* y, const float* x, const float* weights, const float* biases,
                                const Conv3x3Shape& shape) {
  const Conv1Image image = image_of(shape);
  team_.run(shape.n, [&](std::size_t i, unsigned member) {
    auto* const padded =
        reinterpret_cast<float*>(grown(scratch_[member], image.padded_count() * sizeof(float)));
    pad_image(padded, x + i * shape.height * shape.width, image);
    conv1(y + i * shape.height * shape.width * shape.out_channels, padded, weights, biases, image);
  });
}

// Each image's gradient by any thread, then their sum in ascending order.
void CpuTraining::conv1_backward(float* grad_weights, const float* grad_y, const float* x,
                                 GradientMode mode, const Conv3x3Shape& shape) {
  const Conv1Image image = image_of(shape);
  float* const parts = shared<float>(0, shape.n * shape.weights_count());
  team_.run(shape.n, [&](std::size_t i, unsigned member) {
    auto* const padded =
        reinterpret_cast<float*>(grown(scratch_[member], image.padded_count() * sizeof(float)));
    pad_image(padded, x + i * shape.height * shape.width, image);
    conv1_wgrad(parts + i * shape.weights_count(),
                grad_y + i * shape.height * shape.width * shape.out_channels, padded, image);
  });
  sum_over_rows(grad_weights, parts, shape.n, shape.weights_count(), mode);
}

void CpuTraining::conv3x3(void* y_data, const void* x_data, const float* weights,
                          const float* biases, const Conv3x3Shape& shape) {
  auto* const y = static_cast<float*>(y_data);
  const auto* const x = static_cast<const float*>(x_data);
  if (shape.in_channels == 1) {
    conv1_forward(y, x, weights, biases, shape);
    return;
  }
  const std::size_t in = shape.in_channels, out = shape.out_channels;
  WinogradFilters& transformed = filters(in, out);
  team_.run(in / kFilterPiece, [&](std::size_t piece, unsigned) {
    const float* taps[9];
    for (std::size_t tap = 0; tap < 9; ++tap) {
      taps[tap] = weights + (tap * in + piece * kFilterPiece) * out;
    }
    transformed.set_piece(taps, piece * kFilterPiece);
  });
  OutputTransform finish;
  finish.bias = biases;
  finish.shape = {shape.height, shape.width, out};
  finish.ending = OutputTransform::kBiasRelu;
  finish.output = y;
  convolve(transformed, x, finish, shape.n, in);
}

// A convolution of grad_y with the filters turned by 180 degrees and inputs and outputs exchanged.
void CpuTraining::conv3x3_dgrad(void* grad_x_data, const void* grad_y_data, const float* weights,
                                const void* x_data, bool x_is_relu, const Conv3x3Shape& shape) {
  auto* const grad_x = static_cast<float*>(grad_x_data);
  const auto* const grad_y = static_cast<const float*>(grad_y_data);
  const auto* const x = static_cast<const float*>(x_data);
  const std::size_t in = shape.in_channels, out = shape.out_channels;
  WinogradFilters& transformed = filters(out, in);
  team_.run(out / kFilterPiece, [&](std::size_t piece, unsigned member) {
    auto* const turned =
        reinterpret_cast<float*>(grown(scratch_[member], 9 * kFilterPiece * in * sizeof(float)));
    const float* taps[9];
    for (std::size_t tap = 0; tap < 9; ++tap) {
      float* const to = turned + tap * kFilterPiece * in;
      transpose_columns(weights + (8 - tap) * in * out, in, out, piece * kFilterPiece, to);
      taps[tap] = to;
    }
    transformed.set_piece(taps, piece * kFilterPiece);
  });
  OutputTransform finish;
  finish.mask = x;
  finish.shape = {shape.height, shape.width, in};
  finish.ending = x_is_relu ? OutputTransform::kMasked : OutputTransform::kPlain;
  finish.output = grad_x;
  convolve(transformed, grad_y, finish, shape.n, out);
}

void CpuTraining::conv3x3_wgrad(float* grad_weights, float* grad_biases, const void* grad_y_data,
                                const void* x_data, GradientMode mode, const Conv3x3Shape& shape) {
  const auto* const grad_y = static_cast<const float*>(grad_y_data);
  const auto* const x = static_cast<const float*>(x_data);
  sum_over_rows(grad_biases, grad_y, shape.n * shape.height * shape.width, shape.out_channels,
                mode);
  if (shape.in_channels == 1) {
    conv1_backward(grad_weights, grad_y, x, mode, shape);
  } else if (arithmetic_ == Arithmetic::kFp32) {
    winograd_wgrad<float>(grad_weights, grad_y, x, mode, shape);
  } else {
    winograd_wgrad<std::uint32_t>(grad_weights, grad_y, x, mode, shape);
  }
}

// Winograd's algorithm is trilinear: the gradient of the transformed filters is V^T Q, summed over
// the tiles, with the V of the forward pass and Q the transformed gradient. Tiles come in blocks,
// each of which all threads first transform and then multiply, frequency by frequency; so every sum
// runs over the tiles in ascending order. A row of V and Q is a tile in floats, or two tiles in
// words of two bf16.
template <class Element>
void CpuTraining::winograd_wgrad(float* grad_weights, const float* grad_y, const float* x,
                                 GradientMode mode, const Conv3x3Shape& shape) {
  constexpr std::size_t kRowTiles = std::is_same_v<Element, float> ? 1 : 2;
  const std::size_t in = shape.in_channels, out = shape.out_channels;
  const ImageShape x_shape{shape.height, shape.width, in};
  const ImageShape y_shape{shape.height, shape.width, out};
  const std::size_t all_tiles = shape.n * tiles_per_image(x_shape);
  const std::size_t wanted = kWgradElements / (kNumFrequencies * (in + out)) * kRowTiles;
  const std::size_t block = std::min(all_tiles, std::max(wanted, kWgradTiles));
  const std::size_t block_rows = rows_of_tiles(block, kRowTiles);
  const std::size_t v_stride = block_rows * in + kSkewFloats;
  const std::size_t q_stride = block_rows * out + kSkewFloats;
  const std::size_t u_floats = in * out + kSkewFloats;
  auto* const v = shared<Element>(0, kNumFrequencies * v_stride);
  auto* const q = shared<Element>(1, kNumFrequencies * q_stride);
  auto* const grad_u = shared<float>(2, kNumFrequencies * u_floats);
  for (std::size_t first = 0; first < all_tiles; first += block) {
    const std::size_t tiles = std::min(block, all_tiles - first);
    team_.run((tiles + kTransformTiles - 1) / kTransformTiles, [&](std::size_t piece, unsigned) {
      const std::size_t begin = piece * kTransformTiles;
      const std::size_t count = std::min(kTransformTiles, tiles - begin);
      const std::size_t row = begin / kRowTiles;
      winograd_transform_input_rows(x, x_shape, first + begin, count, v + row * in, v_stride);
      winograd_transform_gradient(grad_y, y_shape, first + begin, count, q + row * out, q_stride);
    });
    team_.run(kNumFrequencies, [&](std::size_t f, unsigned) {
      multiply_outer(OuterProduct<Element>{.a = v + f * v_stride,
                                           .a_stride = in,
                                           .b = q + f * q_stride,
                                           .b_stride = out,
                                           .c = grad_u + f * u_floats,
                                           .c_stride = out,
                                           .rows = in,
                                           .columns = out,
                                           .depth = rows_of_tiles(tiles, kRowTiles),
                                           .accumulate = first > 0});
    });
  }
  team_.run(in, [&](std::size_t row, unsigned) {
    winograd_transform_filters_bwd(grad_u + row * out, u_floats, out,
                                   mode == GradientMode::kAccumulate, grad_weights + row * out,
                                   in * out);
  });
}

}  // namespace vggroove::cpu

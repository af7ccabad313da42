#pragma once

#include <cstddef>
#include <cstdint>

#include "engine/backends/cpu/gemm.h"

// Winograd's F(4x4, 3x3): a 4x4 tile of outputs from a 6x6 patch of inputs, with 36 multiplications
// per channel pair in place of 144. Interpolation points 0, +-0.625, +-1.25 and infinity: close to
// 1 in size, so that products of four of them neither grow nor vanish (0, +-1, +-2 double the error
// in bf16). V = transformed input, U = transformed filters, M = their products over the channels.
//
// Activations are NHWC float, 64-byte aligned, channels a multiple of 32, height and width
// multiples of 4. Tiles are numbered through the batch: example, tile row, tile column.
namespace vggroove::cpu {

inline constexpr std::size_t kTileOutputs = 4;  // per side
inline constexpr std::size_t kTileInputs = 6;   // per side: one pixel more all around
inline constexpr std::size_t kMaxImageChannels = 512;
inline constexpr std::size_t kNumFrequencies = 36;  // kTileInputs squared

// Images of one layer, batch first.
struct ImageShape {
  std::size_t height = 0;
  std::size_t width = 0;
  std::size_t channels = 0;
};
constexpr std::size_t tiles_per_image(const ImageShape& shape) {
  return shape.height / kTileOutputs * (shape.width / kTileOutputs);
}

// input [n, h, w, c] -> V, for tiles [first_tile, first_tile + num_tiles); outside the image is 0.
// V holds 36 matrices A of multiply_panel, rows = tiles, depth = channels, `frequency_bytes` apart.
void winograd_transform_input(Arithmetic arithmetic, const float* input, const ImageShape& shape,
                              std::size_t first_tile, std::size_t num_tiles, std::byte* v,
                              std::size_t frequency_bytes);

// The same V as plain matrices [tile][channels], `frequency_floats` apart.
void winograd_transform_input_rows(const float* input, const ImageShape& shape,
                                   std::size_t first_tile, std::size_t num_tiles, float* v,
                                   std::size_t frequency_floats);
// In bf16, two tiles to a row: [pair of tiles][channels] words, the first tile in the lower half.
// An odd last tile has 0 beside it.
void winograd_transform_input_rows(const float* input, const ImageShape& shape,
                                   std::size_t first_tile, std::size_t num_tiles, std::uint32_t* v,
                                   std::size_t frequency_words);

// Q = A y A^T of every 4x4 tile of gradients y [n, h, w, c]: plain matrices as above. The gradient
// of the transformed filters is V^T Q, summed over all tiles.
void winograd_transform_gradient(const float* grad_y, const ImageShape& shape,
                                 std::size_t first_tile, std::size_t num_tiles, float* q,
                                 std::size_t frequency_floats);
void winograd_transform_gradient(const float* grad_y, const ImageShape& shape,
                                 std::size_t first_tile, std::size_t num_tiles, std::uint32_t* q,
                                 std::size_t frequency_words);

// grad_u [36][count], `frequency_floats` apart -> the gradient of the taps, G^T grad_u G, added to
// or written over grad_taps [9][count], `tap_floats` apart. count: a multiple of 16.
void winograd_transform_filters_bwd(const float* grad_u, std::size_t frequency_floats,
                                    std::size_t count, bool accumulate, float* grad_taps,
                                    std::size_t tap_floats);

// M -> output: channels [first_channel, first_channel + num_channels) of tiles [first_tile, ... +
// num_tiles). M holds 36 matrices [tile][num_channels], `frequency_floats` apart; shape is the
// layer's before pooling, num_channels a multiple of 16.
struct OutputTransform {
  enum Ending {
    kBiasRelu,      // output [n, h, w, c] with bias and ReLU
    kBiasReluPool,  // the same, max-pooled: [n, h/2, w/2, c]
    kPlain,         // neither: [n, h, w, c]
    kMasked,        // as kPlain, but 0 where `mask` is 0
  };
  const float* m = nullptr;
  std::size_t frequency_floats = 0;
  const float* bias = nullptr;  // [shape.channels]; kBiasRelu, kBiasReluPool
  const float* mask = nullptr;  // [n, h, w, c], at least 0; kMasked
  ImageShape shape;
  Ending ending = kBiasRelu;
  std::size_t first_tile = 0, num_tiles = 0;
  std::size_t first_channel = 0, num_channels = 0;
  float* output = nullptr;
};
void winograd_transform_output(const OutputTransform& transform);

// One panel of filters: taps[r * 3 + s] points at [depth][row_stride] weights of tap (r, s), of
// which the first 32 columns count -> filters: 36 matrices [depth][32] float, `frequency_floats`
// apart. Computed in double.
void winograd_transform_filters(const float* const taps[9], std::size_t row_stride,
                                std::size_t depth, float* filters, std::size_t frequency_floats);

}  // namespace vggroove::cpu

#pragma once

#include <cstddef>

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

// M -> output [n, h, w, c] or, with max_pool, [n, h/2, w/2, c], both with bias and ReLU:
//   channels [first_channel, first_channel + num_channels) of tiles [first_tile, ... + num_tiles).
// M holds 36 matrices [tile][num_channels], `frequency_floats` apart; shape is the layer's before
// pooling, num_channels a multiple of 16.
struct OutputTransform {
  const float* m = nullptr;
  std::size_t frequency_floats = 0;
  const float* bias = nullptr;  // [shape.channels]
  ImageShape shape;
  bool max_pool = false;
  std::size_t first_tile = 0, num_tiles = 0;
  std::size_t first_channel = 0, num_channels = 0;
  float* output = nullptr;
};
void winograd_transform_output(const OutputTransform& transform);

// One panel of filters: taps[r * 3 + s] points at [depth][row_stride] weights of tap (r, s), of
// which the first 32 columns count -> filters [36][depth][32] float. Computed in double.
void winograd_transform_filters(const float* const taps[9], std::size_t row_stride,
                                std::size_t depth, float* filters);

}  // namespace vggroove::cpu

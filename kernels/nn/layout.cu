#include "kernels/nn/layout.h"

#include "kernels/common/vector.cuh"

namespace vggroove {
namespace {

constexpr int kCastThreads = 256;
constexpr int kCastWidth = 4;  // 16 bytes of fp32; the bf16 side moves 8

// What it does: out = in in another type.
// Owns:    thread = 4 elements
// Traffic: read count * sizeof(In), written count * sizeof(Out) bytes
// Needs:   16-byte aligned pointers
// Bound:   90 % of the memory's peak
template <class Out, class In>
__global__ void __launch_bounds__(kCastThreads)
    cast_kernel(Out* __restrict__ out, const In* __restrict__ in, std::int64_t count) {
  const std::int64_t first =
      (static_cast<std::int64_t>(blockIdx.x) * kCastThreads + threadIdx.x) * kCastWidth;
  if (first + kCastWidth <= count) {
    float values[kCastWidth];
    load_as_float(values, in + first);
    store_from_float(out + first, values);
  } else {
    for (std::int64_t i = first; i < count; ++i) {
      float value[1];
      load_as_float(value, in + i);
      store_from_float(out + i, value);
    }
  }
}

constexpr int kTile = 32;
constexpr int kTileLanes = 8;

// What it does: out [batch, columns, rows] = in [batch, rows, columns].
// Owns:    block = a tile of 32 x 32; warp = every 8th row of it, read; then every 8th column,
// written Traffic: read count * sizeof(In), written count * sizeof(Out) bytes; whole sectors on
// both sides
//          where rows and columns are multiples of 16
// Needs:   block (32, 8)
// Bound:   80 % of the memory's peak
template <class Out, class In>
__global__ void __launch_bounds__(kTile* kTileLanes)
    transpose_kernel(Out* __restrict__ out, const In* __restrict__ in, int rows, int columns,
                     int row_tiles, int column_tiles) {
  __shared__ float tile[kTile][kTile + 1];  // + 1: a column of the tile lies in 32 banks
  const auto block = static_cast<std::int64_t>(blockIdx.x);
  const std::int64_t image = block / (row_tiles * column_tiles) * rows * columns;
  const int tile_index = static_cast<int>(block % (row_tiles * column_tiles));
  const int first_row = tile_index / column_tiles * kTile;
  const int first_column = tile_index % column_tiles * kTile;
  const int lane = static_cast<int>(threadIdx.x);
  for (int i = static_cast<int>(threadIdx.y); i < kTile; i += kTileLanes) {
    const std::int64_t row = first_row + i, column = first_column + lane;
    if (row < rows && column < columns) {
      float value[1];
      load_as_float(value, in + image + row * columns + column);
      tile[i][lane] = value[0];
    }
  }
  __syncthreads();
  for (int i = static_cast<int>(threadIdx.y); i < kTile; i += kTileLanes) {
    const std::int64_t row = first_row + lane, column = first_column + i;
    if (row < rows && column < columns) {
      const float value[1] = {tile[lane][i]};
      store_from_float(out + image + column * rows + row, value);
    }
  }
}

}  // namespace

template <class Out, class In>
void cast(Stream stream, Out* out, const In* in, std::int64_t count) {
  if (count == 0) {
    return;
  }
  constexpr std::int64_t kBlock = kCastThreads * kCastWidth;
  simt::launch(cast_kernel<Out, In>, static_cast<unsigned>((count + kBlock - 1) / kBlock),
               kCastThreads, 0, stream, out, in, count);
}

template <class Out, class In>
void transpose(Stream stream, Out* out, const In* in, std::int64_t batch, int rows, int columns) {
  const int row_tiles = (rows + kTile - 1) / kTile, column_tiles = (columns + kTile - 1) / kTile;
  const std::int64_t blocks = batch * row_tiles * column_tiles;
  if (blocks == 0) {
    return;
  }
  simt::launch(transpose_kernel<Out, In>, static_cast<unsigned>(blocks), dim3(kTile, kTileLanes), 0,
               stream, out, in, rows, columns, row_tiles, column_tiles);
}

#define VGGROOVE_INSTANTIATE(Out, In)                        \
  template void cast(Stream, Out*, const In*, std::int64_t); \
  template void transpose(Stream, Out*, const In*, std::int64_t, int, int)
VGGROOVE_INSTANTIATE(float, float);
VGGROOVE_INSTANTIATE(float, BFloat16);
VGGROOVE_INSTANTIATE(BFloat16, float);
VGGROOVE_INSTANTIATE(BFloat16, BFloat16);
#undef VGGROOVE_INSTANTIATE

}  // namespace vggroove

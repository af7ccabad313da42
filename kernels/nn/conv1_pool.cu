#include "kernels/nn/conv1_pool.h"

#include <algorithm>

#include "kernels/common/vector.cuh"
#include "kernels/nn/bias_grad.h"
#include "kernels/nn/pool_window.cuh"

namespace vggroove {
namespace {

using Shape = Conv1PoolShape;

// A block works on strips of 8 pooled rows: 16 groups of 4 channels x 16 pixel lanes. A warp holds
// all channels of two pixel lanes, which take neighbouring pooled rows: their reads of the tile
// then fall into different banks (two rows of 72 are 16 banks apart).
constexpr int kStripRows = 8;
constexpr int kStrips = Shape::kPooledHeight / kStripRows;
constexpr int kWidth4 = 4;  // channels of a thread
constexpr int kChannelGroups = Shape::kChannels / kWidth4;
constexpr int kPixelLanes = 16;
constexpr int kThreads = kChannelGroups * kPixelLanes;
constexpr int kLaneColumns = Shape::kPooledWidth * kStripRows / kPixelLanes;  // a lane's half row
constexpr int kParameters = (Shape::kTaps + 1) * Shape::kChannels;
constexpr int kWarps = kThreads / 32;

// The strip's input with the neighbours that its convolution touches. Input column 0 stands at
// kTileOrigin, so that the tile is filled 16 bytes at a time; of the 4 columns on either side only
// the inner one is read.
constexpr int kTileRows = 2 * kStripRows + 2;
constexpr int kTileOrigin = 4;
constexpr int kTileStride = kTileOrigin + Shape::kWidth + 4;
using Tile = float[kTileRows][kTileStride];

// All threads of the block fill the tile: rows 16 strip - 1 .. 16 strip + 16 of one example, zeros
// outside the image. The caller synchronises.
__device__ __forceinline__ void load_tile(Tile& tile, const float* example, int strip) {
  constexpr int kVectors = kTileStride / 4;  // of a row
  const int first_row = 2 * kStripRows * strip - 1;
  for (int i = static_cast<int>(threadIdx.x); i < kTileRows * kVectors; i += kThreads) {
    const int row = first_row + i / kVectors, column = i % kVectors * 4 - kTileOrigin;
    float values[4] = {};
    if (row >= 0 && row < Shape::kHeight && column >= 0 && column < Shape::kWidth) {
      load_as_float(values, example + row * Shape::kWidth + column);
    }
    store_from_float(&tile[i / kVectors][kTileOrigin + column], values);
  }
}

// Where a thread works.
struct Place {
  int channel;  // the first of 4
  int row;      // pooled row within the strip
  int column;   // the first of kLaneColumns pooled columns
};
__device__ __forceinline__ Place place_of_thread() {
  const int group = static_cast<int>(threadIdx.x) % kChannelGroups;
  const int lane = static_cast<int>(threadIdx.x) / kChannelGroups;
  return {group * kWidth4, lane % kStripRows, lane / kStripRows * kLaneColumns};
}

// The 4x4 inputs under one pooled pixel, slid along a row: two columns stay, two are read.
struct Patch {
  float value[4][4];

  __device__ __forceinline__ void read_columns(const Tile& tile, int row, int pooled_column,
                                               int first) {
#pragma unroll
    for (int i = 0; i < 4; ++i) {
      for (int j = first; j < first + 2; ++j) {
        value[i][j] = tile[2 * row + i][kTileOrigin - 1 + 2 * pooled_column + j];
      }
    }
  }
  __device__ __forceinline__ void slide(const Tile& tile, int row, int pooled_column) {
#pragma unroll
    for (int i = 0; i < 4; ++i) {
      value[i][0] = value[i][2];
      value[i][1] = value[i][3];
    }
    read_columns(tile, row, pooled_column, 2);
  }
  // The input under tap `tap` of the convolution at window position `position`.
  __device__ __forceinline__ float under(int position, int tap) const {
    return value[position / 2 + tap / 3][position % 2 + tap % 3];
  }
};

// What it does: x -> y (and codes), see the header.
// Owns:    block = one strip of one example; thread = 4 channels of 16 pooled pixels in a row
// Traffic: read 4 * 6144 * 18/16 bytes an example (halo rows twice) and 2560 a block;
//          written 98304 * (sizeof(T) + 1/2) bytes an example
// Needs:   256 threads, grid 6 * examples
// Bound:   fp32: writing, 90 % of the memory's peak; bf16: arithmetic (144 multiply-adds for 8
//          bytes), 70 % of the fp32 peak
template <class T, bool kKeepCodes>
__global__ void __launch_bounds__(kThreads)
    conv1_pool_kernel(T* __restrict__ y, std::uint16_t* __restrict__ codes,
                      const float* __restrict__ x, const float* __restrict__ weight,
                      const float* __restrict__ bias) {
  alignas(16) __shared__ Tile tile;
  alignas(16) __shared__ float parameters[kParameters];
  const std::int64_t example = blockIdx.x / kStrips;
  const int strip = static_cast<int>(blockIdx.x % kStrips);
  load_tile(tile, x + example * Shape::kInputSize, strip);
  for (int i = static_cast<int>(threadIdx.x); i < kParameters; i += kThreads) {
    constexpr int kWeights = Shape::kTaps * Shape::kChannels;
    parameters[i] = i < kWeights ? weight[i] : bias[i - kWeights];
  }
  __syncthreads();

  const Place place = place_of_thread();
  float taps[Shape::kTaps + 1][kWidth4];  // the last row is the bias
#pragma unroll
  for (int tap = 0; tap <= Shape::kTaps; ++tap) {
    load_as_float(taps[tap], parameters + tap * Shape::kChannels + place.channel);
  }
  Patch patch;
  patch.read_columns(tile, place.row, place.column - 1, 2);
  std::int64_t at =
      ((example * Shape::kPooledHeight + strip * kStripRows + place.row) * Shape::kPooledWidth +
       place.column) *
          Shape::kChannels +
      place.channel;
#pragma unroll 2
  for (int i = 0; i < kLaneColumns; ++i, at += Shape::kChannels) {
    patch.slide(tile, place.row, place.column + i);
    float pooled[kWidth4];
    unsigned code = 0;
#pragma unroll
    for (int c = 0; c < kWidth4; ++c) {
      float window[4];
#pragma unroll
      for (int position = 0; position < 4; ++position) {
        window[position] = taps[Shape::kTaps][c];
#pragma unroll
        for (int tap = 0; tap < Shape::kTaps; ++tap) {
          window[position] += taps[tap][c] * patch.under(position, tap);
        }
      }
      const PooledWindow result = relu_pool(window);
      pooled[c] = result.value;
      code |= result.code << (c * kPoolCodeBits);
    }
    store_from_float(y + at, pooled);
    if constexpr (kKeepCodes) {
      codes[at / kWidth4] = static_cast<std::uint16_t>(code);
    }
  }
}

// Blocks of the backward pass, each with its row of partial sums: as many as an H100 holds at once
// (132 multiprocessors x 2), and few enough for the partials (2560 bytes each) to cost nothing.
constexpr std::int64_t kMaxPartials = 264;

int num_partials(std::int64_t num_examples) {
  return static_cast<int>(std::min(num_examples * kStrips, kMaxPartials));
}

// What it does: a row of partials [grid, 10 * 64] (9 taps, then the bias) for every block.
// Owns:    block = strips blockIdx.x, blockIdx.x + gridDim.x, ...; thread = 4 channels of 16 pooled
//          pixels in a row of each
// Traffic: read 98304 * (sizeof(T) + 1/2) + 4 * 6144 * 18/16 bytes an example; written 2560 a block
// Needs:   256 threads, any grid
// Bound:   arithmetic: for each pooled element 36 multiply-adds, of which 9 count. Picking the 9
//          inputs from shared memory would cost as much: 9 reads at a quarter of the rate.
template <class T>
__global__ void __launch_bounds__(kThreads)
    conv1_pool_bwd_kernel(float* __restrict__ partials, const T* __restrict__ grad_y,
                          const std::uint16_t* __restrict__ codes, const float* __restrict__ x,
                          std::int64_t num_strips) {
  alignas(16) __shared__ Tile tile;
  alignas(16) __shared__ float warp_sums[kWarps][kParameters];
  const Place place = place_of_thread();
  float sums[Shape::kTaps + 1][kWidth4] = {};
  for (std::int64_t s = blockIdx.x; s < num_strips; s += gridDim.x) {
    const std::int64_t example = s / kStrips;
    const int strip = static_cast<int>(s % kStrips);
    __syncthreads();  // the previous strip has been read
    load_tile(tile, x + example * Shape::kInputSize, strip);
    __syncthreads();
    Patch patch;
    patch.read_columns(tile, place.row, place.column - 1, 2);
    std::int64_t at =
        ((example * Shape::kPooledHeight + strip * kStripRows + place.row) * Shape::kPooledWidth +
         place.column) *
            Shape::kChannels +
        place.channel;
#pragma unroll 2
    for (int i = 0; i < kLaneColumns; ++i, at += Shape::kChannels) {
      patch.slide(tile, place.row, place.column + i);
      float grad[kWidth4];
      load_as_float(grad, grad_y + at);
      const unsigned code = codes[at / kWidth4];
#pragma unroll
      for (int c = 0; c < kWidth4; ++c) {
        const unsigned own_code = (code >> (c * kPoolCodeBits)) & 0xF;
        sums[Shape::kTaps][c] += (own_code & kPoolOpen) != 0 ? grad[c] : 0.0F;
#pragma unroll
        for (int position = 0; position < 4; ++position) {
          const float grad_here = unpool(grad[c], own_code, position);
#pragma unroll
          for (int tap = 0; tap < Shape::kTaps; ++tap) {
            sums[tap][c] += grad_here * patch.under(position, tap);
          }
        }
      }
    }
  }
  // The warp's two pixel lanes, then the block's warps, in a fixed order.
#pragma unroll
  for (int tap = 0; tap <= Shape::kTaps; ++tap) {
#pragma unroll
    for (int c = 0; c < kWidth4; ++c) {
      sums[tap][c] += __shfl_xor_sync(0xFFFFFFFFU, sums[tap][c], kChannelGroups);
    }
    if (threadIdx.x % 32 < kChannelGroups) {
      store_from_float(&warp_sums[threadIdx.x / 32][tap * Shape::kChannels + place.channel],
                       sums[tap]);
    }
  }
  __syncthreads();
  for (int i = static_cast<int>(threadIdx.x); i < kParameters; i += kThreads) {
    float sum = 0;
    for (int warp = 0; warp < kWarps; ++warp) {
      sum += warp_sums[warp][i];
    }
    partials[static_cast<std::int64_t>(blockIdx.x) * kParameters + i] = sum;
  }
}

}  // namespace

template <class T>
void conv1_pool(Stream stream, T* y, std::uint8_t* codes, const float* x, const float* weight,
                const float* bias, std::int64_t num_examples) {
  if (num_examples == 0) {
    return;
  }
  const auto grid = static_cast<unsigned>(num_examples * kStrips);
  if (codes == nullptr) {
    simt::launch(conv1_pool_kernel<T, false>, grid, kThreads, 0, stream, y, nullptr, x, weight,
                 bias);
  } else {
    simt::launch(conv1_pool_kernel<T, true>, grid, kThreads, 0, stream, y,
                 reinterpret_cast<std::uint16_t*>(codes), x, weight, bias);
  }
}

std::int64_t conv1_pool_bwd_workspace_floats(std::int64_t num_examples) {
  return static_cast<std::int64_t>(num_partials(num_examples)) * kParameters;
}

template <class T>
void conv1_pool_bwd(Stream stream, float* grad_weight, float* grad_bias, const T* grad_y,
                    const std::uint8_t* codes, const float* x, float* workspace,
                    std::int64_t num_examples) {
  constexpr int kWeights = Shape::kTaps * Shape::kChannels;
  const int rows = num_partials(num_examples);
  if (rows > 0) {
    simt::launch(conv1_pool_bwd_kernel<T>, static_cast<unsigned>(rows), kThreads, 0, stream,
                 workspace, grad_y, reinterpret_cast<const std::uint16_t*>(codes), x,
                 num_examples * kStrips);
  }
  sum_partials(stream, grad_weight, workspace, rows, kWeights, kParameters);
  sum_partials(stream, grad_bias, workspace + kWeights, rows, Shape::kChannels, kParameters);
}

#define VGGROOVE_INSTANTIATE(T)                                                                 \
  template void conv1_pool(Stream, T*, std::uint8_t*, const float*, const float*, const float*, \
                           std::int64_t);                                                       \
  template void conv1_pool_bwd(Stream, float*, float*, const T*, const std::uint8_t*,           \
                               const float*, float*, std::int64_t)
VGGROOVE_INSTANTIATE(float);
VGGROOVE_INSTANTIATE(BFloat16);
#undef VGGROOVE_INSTANTIATE

}  // namespace vggroove

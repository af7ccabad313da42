#include "kernels/nn/bias_grad.h"

#include <algorithm>

#include "kernels/common/vector.cuh"

namespace vggroove {
namespace {

// First stage: a block is 32 column lanes x 8 row lanes; a lane sums kWidth neighbouring columns.
constexpr int kColumnLanes = 32;
constexpr int kRowLanes = 8;
constexpr std::int64_t kRowsPerLane = 16;  // fewer only when there are more blocks than partials
constexpr std::int64_t kMaxPartials = 256;

int num_partials(std::int64_t rows) {
  constexpr std::int64_t kBlockRows = kRowLanes * kRowsPerLane;
  return static_cast<int>(std::min((rows + kBlockRows - 1) / kBlockRows, kMaxPartials));
}

// What it does: partials[blockIdx.y] = the column sums of rows blockIdx.y * 8 + lane, + 8 * grid,
//          ...; behind a ReLU (kRelu) it masks the gradient and stores it.
// Owns:    block = 32 * kWidth columns, every gridDim.y-th group of 8 rows; warp = one row at a
// time Traffic: read rows * channels * sizeof(T), with kRelu twice that, and as much written;
//          written 4 * channels a partial
// Needs:   block (32, 8); channels a multiple of kWidth
// Bound:   90 % of the memory's peak
template <class T, int kWidth, bool kRelu>
__global__ void __launch_bounds__(kColumnLanes* kRowLanes)
    bias_grad_kernel(float* __restrict__ partials, T* grad_x, const T* grad_y,
                     const T* __restrict__ y, std::int64_t rows, int channels) {
  __shared__ float lane_sums[kRowLanes][kWidth][kColumnLanes];
  const int column_lane = static_cast<int>(threadIdx.x);
  const int row_lane = static_cast<int>(threadIdx.y);
  const int channel = (static_cast<int>(blockIdx.x) * kColumnLanes + column_lane) * kWidth;
  float sums[kWidth] = {};
  if (channel < channels) {
    const std::int64_t step = static_cast<std::int64_t>(gridDim.y) * kRowLanes;
#pragma unroll 4
    for (std::int64_t row = static_cast<std::int64_t>(blockIdx.y) * kRowLanes + row_lane;
         row < rows; row += step) {
      const std::int64_t at = row * channels + channel;
      float grad[kWidth];
      load_as_float(grad, grad_y + at);
      if constexpr (kRelu) {
        float output[kWidth];
        load_as_float(output, y + at);
#pragma unroll
        for (int i = 0; i < kWidth; ++i) {
          grad[i] = output[i] <= 0.0F ? 0.0F : grad[i];
        }
        store_from_float(grad_x + at, grad);
      }
#pragma unroll
      for (int i = 0; i < kWidth; ++i) {
        sums[i] += grad[i];
      }
    }
  }
#pragma unroll
  for (int i = 0; i < kWidth; ++i) {
    lane_sums[row_lane][i][column_lane] = sums[i];
  }
  __syncthreads();
  if (row_lane == 0 && channel < channels) {
#pragma unroll
    for (int lane = 1; lane < kRowLanes; ++lane) {
#pragma unroll
      for (int i = 0; i < kWidth; ++i) {
        sums[i] += lane_sums[lane][i][column_lane];
      }
    }
    store_from_float(partials + static_cast<std::int64_t>(blockIdx.y) * channels + channel, sums);
  }
}

// What it does: the sums of the columns of partials [num_partials, stride].
// Owns:    block = 32 columns; warp = every 8th row; lane = a column
// Traffic: read 4 * num_partials * columns bytes, written 4 * columns
// Needs:   block (32, 8)
// Bound:   none, it is short: at most 1 MB
__global__ void __launch_bounds__(kColumnLanes* kRowLanes)
    sum_partials_kernel(float* __restrict__ sums, const float* __restrict__ partials,
                        int num_partials, int columns, int stride) {
  __shared__ float lane_sums[kRowLanes][kColumnLanes];
  const int column = static_cast<int>(blockIdx.x * kColumnLanes + threadIdx.x);
  const int row_lane = static_cast<int>(threadIdx.y);
  float sum = 0;
  if (column < columns) {
#pragma unroll 4
    for (int row = row_lane; row < num_partials; row += kRowLanes) {
      sum += partials[static_cast<std::int64_t>(row) * stride + column];
    }
  }
  lane_sums[row_lane][threadIdx.x] = sum;
  __syncthreads();
  if (row_lane == 0 && column < columns) {
    for (int lane = 1; lane < kRowLanes; ++lane) {
      sum += lane_sums[lane][threadIdx.x];
    }
    sums[column] = sum;
  }
}

template <class T, int kWidth, bool kRelu>
void launch_first_stage(Stream stream, float* partials, T* grad_x, const T* grad_y, const T* y,
                        std::int64_t rows, int channels) {
  constexpr int kBlockColumns = kColumnLanes * kWidth;
  const dim3 grid(static_cast<unsigned>((channels + kBlockColumns - 1) / kBlockColumns),
                  static_cast<unsigned>(num_partials(rows)));
  simt::launch(bias_grad_kernel<T, kWidth, kRelu>, grid, dim3(kColumnLanes, kRowLanes), 0, stream,
               partials, grad_x, grad_y, y, rows, channels);
}

template <class T, bool kRelu>
void column_sums(Stream stream, T* grad_x, float* grad_bias, const T* grad_y, const T* y,
                 float* workspace, std::int64_t rows, int channels) {
  if (rows > 0 && channels % kVectorWidth<T> == 0) {
    launch_first_stage<T, kVectorWidth<T>, kRelu>(stream, workspace, grad_x, grad_y, y, rows,
                                                  channels);
  } else if (rows > 0) {
    launch_first_stage<T, 1, kRelu>(stream, workspace, grad_x, grad_y, y, rows, channels);
  }
  sum_partials(stream, grad_bias, workspace, num_partials(rows), channels, channels);
}

}  // namespace

void sum_partials(Stream stream, float* sums, const float* partials, int num_partials, int columns,
                  int stride) {
  const int blocks = (columns + kColumnLanes - 1) / kColumnLanes;
  simt::launch(sum_partials_kernel, static_cast<unsigned>(blocks), dim3(kColumnLanes, kRowLanes), 0,
               stream, sums, partials, num_partials, columns, stride);
}

std::int64_t bias_grad_workspace_floats(std::int64_t rows, int channels) {
  return static_cast<std::int64_t>(num_partials(rows)) * channels;
}

template <class T>
void bias_grad(Stream stream, float* grad_bias, const T* grad, float* workspace, std::int64_t rows,
               int channels) {
  column_sums<T, false>(stream, nullptr, grad_bias, grad, nullptr, workspace, rows, channels);
}

template <class T>
void relu_bias_bwd(Stream stream, T* grad_x, float* grad_bias, const T* grad_y, const T* y,
                   float* workspace, std::int64_t rows, int channels) {
  column_sums<T, true>(stream, grad_x, grad_bias, grad_y, y, workspace, rows, channels);
}

#define VGGROOVE_INSTANTIATE(T)                                                 \
  template void bias_grad(Stream, float*, const T*, float*, std::int64_t, int); \
  template void relu_bias_bwd(Stream, T*, float*, const T*, const T*, float*, std::int64_t, int)
VGGROOVE_INSTANTIATE(float);
VGGROOVE_INSTANTIATE(BFloat16);
#undef VGGROOVE_INSTANTIATE

}  // namespace vggroove

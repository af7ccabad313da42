// The means of the rows of each clip.
#include "kernels/nn/clip_mean.h"

#include "kernels/simt/simt.h"

namespace vggroove {
namespace {

constexpr int kColumnLanes = 32;
constexpr int kRowLanes = 8;

// What it does: means[clip] = the mean of rows offsets[clip] to offsets[clip + 1] - 1.
// Owns:    block = 32 columns of a clip; warp = every 8th row; lane = a column
// Traffic: read 4 bytes a value, written 4 a mean
// Needs:   block (32, 8)
// Bound:   the memory's peak for long clips; a clip of 30 s has 31 rows and is bound by latency
__global__ void __launch_bounds__(kColumnLanes* kRowLanes)
    clip_mean_kernel(float* __restrict__ means, const float* __restrict__ rows,
                     const std::int64_t* __restrict__ offsets, int width) {
  __shared__ float lane_sums[kRowLanes][kColumnLanes];
  const int clip = static_cast<int>(blockIdx.x);
  const int column = static_cast<int>(blockIdx.y * kColumnLanes + threadIdx.x);
  const int row_lane = static_cast<int>(threadIdx.y);
  const std::int64_t begin = offsets[clip], end = offsets[clip + 1];
  float sum = 0;
  if (column < width) {
#pragma unroll 4
    for (std::int64_t row = begin + row_lane; row < end; row += kRowLanes) {
      sum += rows[row * width + column];
    }
  }
  lane_sums[row_lane][threadIdx.x] = sum;
  __syncthreads();
  if (row_lane == 0 && column < width) {
    for (int lane = 1; lane < kRowLanes; ++lane) {
      sum += lane_sums[lane][threadIdx.x];
    }
    means[static_cast<std::int64_t>(clip) * width + column] =
        begin < end ? sum / static_cast<float>(end - begin) : 0;
  }
}

}  // namespace

void clip_mean(Stream stream, float* means, const float* rows, const std::int64_t* offsets,
               int num_clips, int width) {
  if (num_clips == 0 || width == 0) {
    return;
  }
  const dim3 grid(static_cast<unsigned>(num_clips),
                  static_cast<unsigned>((width + kColumnLanes - 1) / kColumnLanes));
  simt::launch(clip_mean_kernel, grid, dim3(kColumnLanes, kRowLanes), 0, stream, means, rows,
               offsets, width);
}

}  // namespace vggroove

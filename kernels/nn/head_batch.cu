#include "kernels/nn/head_batch.h"

#include <string>

#include "base/error.h"
#include "kernels/common/splitmix64.h"
#include "kernels/simt/simt.h"

namespace vggroove {
namespace {

constexpr int kThreads = 256;
constexpr int kMaxHeads = 65535;  // the grid's second dimension

// Where a thread is: one element of the matrix of head blockIdx.y.
struct Place {
  int row, column;
  bool inside;
  std::int64_t element;  // of all heads
};
__device__ __forceinline__ Place place_of_thread(int rows, int width) {
  const auto i = static_cast<int>(blockIdx.x * kThreads + threadIdx.x);
  return {i / width, i % width, i < rows * width,
          static_cast<std::int64_t>(blockIdx.y) * rows * width + i};
}

// What it does: x = the standardised rows of the index, beside ones.
// Owns:    block = 256 elements of one head; thread = one element
// Traffic: read 4 * columns bytes a row, written 4 * width; index and standardisation come from the
//          caches
// Needs:   256 threads
// Bound:   80 % of the memory's peak; rows that several heads take come from the caches
__global__ void __launch_bounds__(kThreads)
    gather_head_rows_kernel(float* __restrict__ x, const float* __restrict__ table,
                            const std::int32_t* __restrict__ index,
                            const float* __restrict__ standardisation, int rows, int columns,
                            int width) {
  const Place place = place_of_thread(rows, width);
  if (!place.inside) {
    return;
  }
  const std::int64_t head = blockIdx.y;
  const std::int32_t from = index[head * rows + place.row];
  float value = 0;
  if (from >= 0 && place.column < columns) {
    const float* const mean = standardisation + head * 2 * columns;
    value = (table[static_cast<std::int64_t>(from) * columns + place.column] - mean[place.column]) *
            mean[columns + place.column];
  } else if (from >= 0 && place.column == columns) {
    value = 1;
  }
  x[place.element] = value;
}

// What it does: the targets of the rows of the index.
// Owns:    block = 256 elements of one head; thread = one element
// Traffic: written 4 bytes an element; index and labels come from the caches
// Needs:   256 threads
// Bound:   none, it is short
__global__ void __launch_bounds__(kThreads)
    head_targets_kernel(float* __restrict__ targets, const std::int32_t* __restrict__ labels,
                        const std::int32_t* __restrict__ index,
                        const HeadBatchStep* __restrict__ steps, int rows, int classes) {
  const Place place = place_of_thread(rows, classes);
  if (!place.inside) {
    return;
  }
  const std::int64_t head = blockIdx.y;
  const std::int32_t from = index[head * rows + place.row];
  float target = 0;
  if (from >= 0) {
    target = labels[from] == place.column ? steps[head].target_on : steps[head].target_off;
  }
  targets[place.element] = target;
}

// What it does: ReLU and dropout in place, beside ones.
// Owns:    block = 256 elements of one head; thread = one element and its random number
// Traffic: read 4 bytes a value, written 4 an element
// Needs:   256 threads
// Bound:   80 % of the memory's peak; three products of 64 bits are hidden behind it
__global__ void __launch_bounds__(kThreads)
    relu_dropout_kernel(float* __restrict__ hidden, const HeadBatchStep* __restrict__ steps,
                        int rows, int columns, int width) {
  const Place place = place_of_thread(rows, width);
  if (!place.inside) {
    return;
  }
  float value = place.column == columns ? 1.0F : 0.0F;
  if (place.column < columns) {
    value = hidden[place.element];
    value = value < 0.0F ? 0.0F : value;  // NaN stays NaN, and is noticed
    if (steps != nullptr) {
      const HeadBatchStep step = steps[blockIdx.y];
      const auto unit = static_cast<std::uint64_t>(place.row) * static_cast<unsigned>(columns) +
                        static_cast<unsigned>(place.column);
      const bool falls = splitmix64_at(step.dropout_state, unit) >> 11 < step.dropout_threshold;
      value *= falls ? 0.0F : step.kept;
    }
  }
  hidden[place.element] = value;
}

// What it does: the gradient behind ReLU and dropout, in place. Whether a unit fell is not drawn
//          again: it is 0, and so is its gradient.
// Owns:    block = 256 elements of one head; thread = one element
// Traffic: read 8 bytes, written 4 bytes an element
// Needs:   256 threads
// Bound:   90 % of the memory's peak
__global__ void __launch_bounds__(kThreads)
    relu_dropout_bwd_kernel(float* __restrict__ grad, const float* __restrict__ hidden,
                            const HeadBatchStep* __restrict__ steps, int rows, int columns,
                            int width) {
  const Place place = place_of_thread(rows, width);
  if (!place.inside) {
    return;
  }
  const bool open = place.column < columns && hidden[place.element] > 0.0F;
  grad[place.element] = open ? grad[place.element] * steps[blockIdx.y].kept : 0.0F;
}

// Blocks for matrices [rows, width] of every head.
dim3 grid_of(const HeadBatchShape& shape, int width) {
  if (shape.heads > kMaxHeads) {
    throw Error(ErrorClass::kUsage, "head_batch: takes at most 65535 heads at once, not " +
                                        std::to_string(shape.heads));
  }
  return {static_cast<unsigned>((shape.rows * width + kThreads - 1) / kThreads),
          static_cast<unsigned>(shape.heads)};
}

bool is_empty(const HeadBatchShape& shape) {
  return shape.heads <= 0 || shape.rows <= 0;
}

}  // namespace

void gather_head_rows(Stream stream, float* x, const float* table, const std::int32_t* index,
                      const float* standardisation, const HeadBatchShape& shape) {
  if (!is_empty(shape)) {
    const int width = head_width(shape.columns);
    simt::launch(gather_head_rows_kernel, grid_of(shape, width), kThreads, 0, stream, x, table,
                 index, standardisation, shape.rows, shape.columns, width);
  }
}

void head_targets(Stream stream, float* targets, const std::int32_t* labels,
                  const std::int32_t* index, const HeadBatchStep* steps,
                  const HeadBatchShape& shape) {
  if (!is_empty(shape)) {
    simt::launch(head_targets_kernel, grid_of(shape, shape.columns), kThreads, 0, stream, targets,
                 labels, index, steps, shape.rows, shape.columns);
  }
}

void relu_dropout(Stream stream, float* hidden, const HeadBatchStep* steps,
                  const HeadBatchShape& shape) {
  if (!is_empty(shape)) {
    const int width = head_width(shape.columns);
    simt::launch(relu_dropout_kernel, grid_of(shape, width), kThreads, 0, stream, hidden, steps,
                 shape.rows, shape.columns, width);
  }
}

void relu_dropout_bwd(Stream stream, float* grad, const float* hidden, const HeadBatchStep* steps,
                      const HeadBatchShape& shape) {
  if (!is_empty(shape)) {
    const int width = head_width(shape.columns);
    simt::launch(relu_dropout_bwd_kernel, grid_of(shape, width), kThreads, 0, stream, grad, hidden,
                 steps, shape.rows, shape.columns, width);
  }
}

}  // namespace vggroove

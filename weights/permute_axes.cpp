#include "weights/permute_axes.h"

#include <algorithm>
#include <cstring>
#include <vector>

#include "base/error.h"

namespace vggroove::weights {
namespace {

// Both sides of a 32 x 32 tile of floats are 4 kB: they stay in the first-level cache while one of
// them is walked across. Measured on [12288, 4096] floats: 0.11 s, against 0.63 s row by row.
constexpr std::int64_t kTile = 32;

void transpose_2d(const std::byte* in, std::int64_t num_rows, std::int64_t num_columns,
                  std::size_t value_bytes, std::byte* out) {
  const auto step = static_cast<std::int64_t>(value_bytes);
  for (std::int64_t row_tile = 0; row_tile < num_rows; row_tile += kTile) {
    const std::int64_t row_end = std::min(row_tile + kTile, num_rows);
    for (std::int64_t column_tile = 0; column_tile < num_columns; column_tile += kTile) {
      const std::int64_t column_end = std::min(column_tile + kTile, num_columns);
      for (std::int64_t column = column_tile; column < column_end; ++column) {
        for (std::int64_t row = row_tile; row < row_end; ++row) {
          std::memcpy(out + (column * num_rows + row) * step,
                      in + (row * num_columns + column) * step, value_bytes);
        }
      }
    }
  }
}

void permute(const std::byte* in, const Shape& in_shape, std::span<const int> order,
             std::size_t value_bytes, std::byte* out) {
  const std::size_t rank = in_shape.size();
  std::vector<std::int64_t> in_stride(rank, static_cast<std::int64_t>(value_bytes));
  for (std::size_t axis = rank; axis-- > 1;) {
    in_stride[axis - 1] = in_stride[axis] * in_shape[axis];
  }
  Shape extent(rank), stride(rank), index(rank, 0);
  for (std::size_t axis = 0; axis < rank; ++axis) {
    extent[axis] = in_shape[static_cast<std::size_t>(order[axis])];
    stride[axis] = in_stride[static_cast<std::size_t>(order[axis])];
  }
  std::int64_t from = 0;
  for (std::int64_t left = num_elements(in_shape); left > 0; --left, out += value_bytes) {
    std::memcpy(out, in + from, value_bytes);
    for (std::size_t axis = rank; axis-- > 0;) {  // the next index, last axis first
      from += stride[axis];
      if (++index[axis] < extent[axis]) {
        break;
      }
      from -= stride[axis] * extent[axis];
      index[axis] = 0;
    }
  }
}

}  // namespace

void permute_axes(std::span<const std::byte> in, const Shape& in_shape, std::span<const int> order,
                  std::size_t value_bytes, std::span<std::byte> out) {
  const auto size_bytes = static_cast<std::size_t>(num_elements(in_shape)) * value_bytes;
  if (in.size() != size_bytes || out.size() != size_bytes || order.size() != in_shape.size()) {
    throw Error(ErrorClass::kUsage, "permute_axes: sizes do not fit " + shape_text(in_shape));
  }
  if (order.size() == 2 && order[0] == 1 && order[1] == 0) {
    // A constant size makes each memcpy one move.
    if (value_bytes == sizeof(float)) {
      transpose_2d(in.data(), in_shape[0], in_shape[1], sizeof(float), out.data());
    } else {
      transpose_2d(in.data(), in_shape[0], in_shape[1], value_bytes, out.data());
    }
  } else {
    permute(in.data(), in_shape, order, value_bytes, out.data());
  }
}

}  // namespace vggroove::weights

#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "weights/dtype.h"

namespace vggroove::weights {

// What both kinds of TensorFlow checkpoint share: shapes, types, and tensors saved in slices.

// A part of a tensor: [start, start + length) in each dimension.
struct TfExtent {
  std::int64_t start = 0;
  std::int64_t length = -1;  // -1: all of the dimension
  bool operator==(const TfExtent&) const = default;
};
using TfSlice = std::vector<TfExtent>;

// The messages TensorShapeProto and TensorSliceProto. Throw Error(kCorrupt) beginning with `place`.
Shape parse_tf_shape(std::span<const std::byte> message, std::string_view place);
TfSlice parse_tf_slice(std::span<const std::byte> message, std::string_view place);

// The enumeration tensorflow.DataType; nothing for types that DType lacks.
std::optional<DType> tf_dtype(std::uint64_t number);

// The key under which a checkpoint's table holds a slice of a tensor: numbers and texts encoded so
// that keys sort as (name, slice) does.
std::string tf_slice_key(std::string_view name, const TfSlice& slice);

// Checks that the slices lie inside `shape`, do not overlap and cover all of it.
// Throws Error(kCorrupt) beginning with `place`.
void check_tf_slices(const Shape& shape, const std::vector<TfSlice>& slices,
                     std::string_view place);

// The slice's own shape, e.g. [2, 7] of [5, 7].
Shape tf_slice_shape(const Shape& shape, const TfSlice& slice);

// Copies a slice's values (row-major) to their places in the whole tensor.
void paste_tf_slice(std::span<const std::byte> values, const TfSlice& slice, const Shape& shape,
                    std::size_t element_bytes, std::span<std::byte> whole);

}  // namespace vggroove::weights

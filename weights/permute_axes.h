#pragma once

#include <cstddef>
#include <span>

#include "weights/dtype.h"

namespace vggroove::weights {

// Rearranges a row-major array so that axis a of the result is axis order[a] of `in`, as NumPy's
// transpose(in, order) followed by a copy.
//   in, out  num_elements(in_shape) * value_bytes bytes, not overlapping
//   order    a permutation of 0..rank-1
void permute_axes(std::span<const std::byte> in, const Shape& in_shape, std::span<const int> order,
                  std::size_t value_bytes, std::span<std::byte> out);

}  // namespace vggroove::weights

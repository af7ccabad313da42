#pragma once

#include <cstdint>

#include "kernels/common/stream.h"

namespace vggroove {

// Which elements fall is a function of (seed, index) alone: Philox4x32-10 with the key `seed` and
// the counter index / 4 (64 bits, above them 64 zeros). So the backward pass recomputes the mask
// instead of reading it, and every grid, device and reference draws the same one.
struct DropoutParams {
  double drop_probability = 0;  // 0 <= p < 1; the others are scaled by 1 / (1 - p)
  std::uint64_t seed = 0;       // differs from layer to layer and from step to step
};

// y [count] = x [count] times 0 or 1 / (1 - p); the gradient of that is the same call. Element i
// has the index first_index + i, so that a part of a batch draws its part of the batch's mask.
// T is float or BFloat16; pointers are device memory, 16-byte aligned; y may be x.
// first_index >= 0; multiples of 4 are drawn four at a time.
template <class T>
void dropout(Stream stream, T* y, const T* x, std::int64_t first_index, std::int64_t count,
             const DropoutParams& params);

// Reference: the multiplier of every element, 0 or 1 / (1 - p), in double precision.
void dropout_multipliers_ref(double* multipliers, std::int64_t first_index, std::int64_t count,
                             const DropoutParams& params);

}  // namespace vggroove

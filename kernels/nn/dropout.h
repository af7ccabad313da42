#pragma once

#include <cstdint>

#include "kernels/common/stream.h"

namespace vggroove {

// Which elements fall is a function of (seed, index) alone: Philox4x32-10 with the key `seed` and
// the counter index / 4 (64 bits, above them 64 zeros). So the backward pass recomputes the mask
// instead of reading it, and every grid, device and reference draws the same one.
struct DropoutParams {
  double drop_probability = 0;      // 0 <= p < 1; the others are scaled by 1 / (1 - p)
  std::uint64_t seed_offset = 0;    // added to the batch's seed: differs from layer to layer
  std::int64_t example_values = 1;  // elements of an example
};

// What differs from batch to batch. It is read on the device, so that a captured CUDA graph can be
// replayed: the caller copies a new one there before.
struct DropoutBatch {
  std::uint64_t seed = 0;          // differs from step to step
  std::int64_t first_example = 0;  // >= 0: a part of a batch draws its part of the batch's mask
};

// y [count] = x [count] times 0 or 1 / (1 - p); the gradient of that is the same call. Element i
// has the index first_example * example_values + i; where the first is a multiple of 4, four are
// drawn at a time.
//   batch [1] on the device
// T is float or BFloat16; pointers are device memory, 16-byte aligned; y may be x.
template <class T>
void dropout(Stream stream, T* y, const T* x, const DropoutBatch* batch, std::int64_t count,
             const DropoutParams& params);

// Reference: the multiplier of every element, 0 or 1 / (1 - p), in double precision.
void dropout_multipliers_ref(double* multipliers, const DropoutBatch& batch, std::int64_t count,
                             const DropoutParams& params);

}  // namespace vggroove

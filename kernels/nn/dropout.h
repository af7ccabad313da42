#pragma once

#include <cstdint>

#include "kernels/common/stream.h"

namespace vggroove {

// Which elements fall is a function of (seed, layer, step, element) alone: Philox4x32-10 with the
// key `seed` and the counter {element / 4 (64 bit), step, layer}. So the backward pass recomputes
// the mask instead of reading it, and every grid, device and reference draws the same one.
struct DropoutParams {
  float drop_probability = 0;  // 0 <= p < 1; the others are scaled by 1 / (1 - p)
  std::uint64_t seed = 0;
  std::uint32_t layer = 0;  // sets apart the dropout layers of one network
};

// T is float or BFloat16; pointers are device memory, 16-byte aligned. `step` is read on the
// device, so that a captured CUDA graph draws a new mask at each replay.
//   y, x [count]; y may be x      step [1]
template <class T>
void dropout(Stream stream, T* y, const T* x, const std::uint32_t* step, std::int64_t count,
             const DropoutParams& params);

// grad_x = the same mask and scale applied to grad_y; with the step of the forward pass.
template <class T>
void dropout_bwd(Stream stream, T* grad_x, const T* grad_y, const std::uint32_t* step,
                 std::int64_t count, const DropoutParams& params);

// Reference: the multiplier of every element, 0 or 1 / (1 - p), in double precision.
void dropout_multipliers_ref(double* multipliers, std::uint32_t step, std::int64_t count,
                             const DropoutParams& params);

}  // namespace vggroove

#pragma once

#include "kernels/nn/pool_codes.h"
#include "kernels/simt/simt.h"

namespace vggroove {

struct PooledWindow {
  float value;    // max(0, the four)
  unsigned code;  // pool_codes.h
};

// The four values of a window in row-major order. A NaN among them is the result, as in PyTorch:
// fmaxf would hide it.
__device__ __forceinline__ PooledWindow relu_pool(const float (&window)[4]) {
  float maximum = window[0];
  unsigned argmax = 0;
#pragma unroll
  for (unsigned i = 1; i < 4; ++i) {
    if (window[i] > maximum || window[i] != window[i]) {
      maximum = window[i];
      argmax = i;
    }
  }
  const bool closed = maximum <= 0.0F;
  return {closed ? 0.0F : maximum, closed ? argmax : argmax | kPoolOpen};
}

// The gradient that reaches the window's element `position` (0..3).
__device__ __forceinline__ float unpool(float grad, unsigned code, unsigned position) {
  return code == (position | kPoolOpen) ? grad : 0.0F;
}

}  // namespace vggroove

#pragma once

#include <cstddef>

#include "kernels/common/stream.h"

namespace vggroove {

// Kernels with defects, which the executor has to find; tests look for the lines marked "// @name"
// in defects.cu. Each works on one float per thread.
inline constexpr int kDefectBlock = 64;  // threads

enum class Defect {
  kNone,
  kMissingBarrier,
  kMissingWarpSync,
  kUninitialisedShared,
  kSharedOffByOne,
  kGlobalOffByOne,
  kWrongStride,
  kDynamicOffByOne,
};

// y[i] = x[i] of the mirrored place in the block, by way of static and dynamic shared memory.
// x, y [num_blocks * 64]
void mirror(float* y, const float* x, int num_blocks, Defect defect);

// y[0] = x[0] + ... + x[n - 1]: each block of 64 adds up its part, the last block to end adds up
// the blocks'. partial [n / 64], counter one 0.
void last_block_sum(float* y, float* partial, unsigned* counter, const float* x, int n,
                    bool with_fence);

// y[i] = 1 by two blocks, both of which write y[64].
void overlap_blocks(float* y);

// Barriers that not all 64 threads of the block pass.
void divergent_barrier(float* y);  // y [64]
void barrier_after_exit();
void barrier_and_warp_sync();

// Warp operations that not all lanes of the mask reach, or that read a lane outside of it.
void shuffle_in_half_warp(float* y, unsigned mask);
void shuffle_after_exit(float* y);
void shuffle_from_absent_lane(float* y);

void launch_with(unsigned grid_x, unsigned grid_y, unsigned block,
                 std::size_t dynamic_shared_bytes);

}  // namespace vggroove

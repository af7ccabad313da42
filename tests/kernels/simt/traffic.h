#pragma once

#include "kernels/common/bfloat16.h"

namespace vggroove {

// Kernels whose traffic is known by counting on fingers. One block of 64 threads each.

// y[i] = x[i * stride], i < 64
void copy_strided(float* y, const float* x, int stride);
// y[i] = x[i], i < 256, four at a time
void copy_quads(float* y, const float* x);
// The same, by four accesses of one float.
void copy_singles(float* y, const float* x);
void copy_bfloat16(BFloat16* y, const BFloat16* x);  // 64 values
// Shared memory of 64 * 33 floats: each thread writes and reads word [thread * stride].
void shared_strided(float* y, int stride);
// As shared_strided with stride 1, by 16-byte accesses.
void shared_quads(float* y);
// Thread i loops i / 32 + 1 times over a load of x[loop * 64 + i], and all read x[0] once.
void loop_and_broadcast(float* y, const float* x);

}  // namespace vggroove

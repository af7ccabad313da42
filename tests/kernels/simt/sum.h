#pragma once

#include "kernels/common/stream.h"

namespace vggroove {

// total[0] += x[0] + ... + x[n - 1]; x 16-byte aligned, n a multiple of 4.
void sum(Stream stream, float* total, const float* x, int n);

}  // namespace vggroove

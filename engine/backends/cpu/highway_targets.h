#pragma once

// To be included before Highway in every file compiled once per instruction set. Our kernels keep
// vectors in arrays, which the vector-length-agnostic types (SVE, RVV) do not allow: 64-bit ARM
// runs the NEON code.
#define HWY_DISABLED_TARGETS (HWY_SVE | HWY_SVE2 | HWY_SVE_256 | HWY_SVE2_128 | HWY_RVV)

#pragma once

#include <cstdint>

#include "kernels/common/stream.h"

namespace vggroove {

// The k largest values of each row, largest first; of equal values the one with the lower index
// first. NaN counts as less than everything.
//   values   [num_rows, k]
//   indices  [num_rows, k]
//   rows     [num_rows, width]; 1 <= k <= width <= kMaxTopKWidth, else Error(kUsage)
// Traffic: 4 bytes a value read, 8 k written a row
inline constexpr int kMaxTopKWidth = 1024;
void top_k(Stream stream, float* values, std::int32_t* indices, const float* rows,
           std::int64_t num_rows, int width, int k);

// Reference: sorts.
void top_k_ref(float* values, std::int32_t* indices, const float* rows, std::int64_t num_rows,
               int width, int k);

}  // namespace vggroove

#pragma once

#include <cstdint>

#include "kernels/common/stream.h"

namespace vggroove {

// The mean of each clip's rows (probabilities or embeddings of its examples) in a ragged batch.
//   means    [num_clips, width]; zeros for a clip without rows
//   rows     [num_rows, width]
//   offsets  [num_clips + 1] ascending: clip c has rows offsets[c] to offsets[c + 1] - 1
// Sums in fp32, in an order that depends on the shape alone: the same bits on every device.
// At most 65 535 * 32 columns. Traffic: 4 bytes a value read, and written a mean
void clip_mean(Stream stream, float* means, const float* rows, const std::int64_t* offsets,
               int num_clips, int width);

// Reference: double precision.
void clip_mean_ref(double* means, const double* rows, const std::int64_t* offsets, int num_clips,
                   int width);

}  // namespace vggroove

#pragma once

#include <cstdint>

#include "kernels/dsp/logmel.h"

namespace vggroove {

// What cuFFT does with the callbacks of log-mel v3, in two launches with a transform between them.
//   frames   [num_frames, 512] from vggroove_logmel_load
void load_through_callback(double* frames, LogMelCallerInfo* info, std::int64_t num_frames);
//   spectra  [num_frames, 257] to vggroove_logmel_store
void store_through_callback(const SpectrumBin* spectra, LogMelCallerInfo* info,
                            std::int64_t num_frames);

}  // namespace vggroove

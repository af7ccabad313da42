#pragma once

#include <cstdint>

#include "kernels/common/host_device.h"
#include "kernels/common/stream.h"
#include "kernels/dsp/resample_filter.h"

namespace vggroove {

// One clip of a ragged batch. Outside its frames a clip is silent.
struct ResampleClip {
  std::int64_t first_input_frame;  // a frame is one sample of every channel
  std::int64_t num_input_frames;
  std::int64_t first_output;
};

// Samples that a clip gives: as long as it, rounded up.
VGGROOVE_HOST_DEVICE constexpr std::int64_t num_resampled(std::int64_t num_input_frames, int up,
                                                          int down) {
  return (num_input_frames * up + down - 1) / down;
}

// Clips of one rate and number of channels -> mono at another rate: the mean of the channels, then
// the filter. All in fp32.
//   output  of float (full scale [-1, 1)) or std::int16_t (rounded to nearest, saturated)
//   input   interleaved, of float or std::int16_t (full scale [-32768, 32767])
//   clips   [num_clips], at most 65 535 (else Error(kUsage)), on the device
//   max_outputs   of the longest clip
//   coefficients  the filter's, on the device; `filter` itself is read on the host
// Traffic: every input sample once, and taps - 1 frames again for each block of outputs
template <class Out, class In>
void resample(Stream stream, Out* output, const In* input, const ResampleClip* clips, int num_clips,
              std::int64_t max_outputs, int num_channels, const ResampleFilter& filter,
              const float* coefficients);

// Reference for one clip: the impulse response at the exact distances, in double precision.
//   output  [num_resampled(num_input_frames, up, down)]
//   input   [num_input_frames, num_channels]
void resample_ref(double* output, const double* input, std::int64_t num_input_frames,
                  int num_channels, int input_rate_hz, int output_rate_hz);

}  // namespace vggroove

// Polyphase resampling of whole clips: a tile of outputs per block, its input in shared memory.
#include "kernels/dsp/resample.h"

#include <algorithm>
#include <string>
#include <type_traits>

#include "base/error.h"
#include "kernels/simt/simt.h"

namespace vggroove {
namespace {

constexpr int kMaxThreads = 512;
constexpr int kMinThreads = 128;
// Outputs of a thread that share its coefficients, where threads cover whole periods of the filter.
constexpr int kOutputsPerThread = 4;

template <class In>
inline constexpr float kScale = std::is_same_v<In, std::int16_t> ? 1.0F / 32768 : 1.0F;

// The mean of the channels of `span` frames from first_frame on; zeros outside the clip.
template <class In>
__device__ __forceinline__ void load_mono(float* mono, int span, const In* clip,
                                          std::int64_t first_frame, std::int64_t num_frames,
                                          int num_channels) {
  const float weight = kScale<In> / static_cast<float>(num_channels);
  for (int i = static_cast<int>(threadIdx.x); i < span; i += static_cast<int>(blockDim.x)) {
    const std::int64_t frame = first_frame + i;
    float sum = 0;
    if (frame >= 0 && frame < num_frames) {
      const In* samples = clip + frame * num_channels;
      for (int channel = 0; channel < num_channels; ++channel) {
        sum += static_cast<float>(samples[channel]);
      }
    }
    mono[i] = sum * weight;
  }
}

template <class Out>
__device__ __forceinline__ Out sample_of(float value) {
  if constexpr (std::is_same_v<Out, std::int16_t>) {
    return static_cast<std::int16_t>(
        __float2int_rn(fminf(fmaxf(value * 32768.0F, -32768.0F), 32767.0F)));
  } else {
    return value;
  }
}

// What it does: output n = the sum over taps of coefficients[tap, n % up] * mono input, see the
// header. Owns:    block = blockDim.x * kOutputs outputs of clip blockIdx.y; thread = kOutputs of
// them,
//          blockDim.x apart
// Traffic: read sizeof(In) * channels a frame of the tile and of taps - 1 frames before it; written
//          sizeof(Out) an output. Coefficients come from the cache, 4 * taps bytes a thread
// Needs:   dynamic shared memory for the tile's frames as float; kOutputs > 1: blockDim.x a
// multiple
//          of up; (outputs of a block) * down < 2^31
// Bound:   shared memory: an output's frames lie down / up apart from the next one's. An odd whole
//          number, as for 48 kHz, costs no bank conflicts; 44.1 kHz needs 2 passes for one
template <class Out, class In, int kOutputs>
__global__ void __launch_bounds__(kMaxThreads)
    resample_kernel(Out* __restrict__ output, const In* __restrict__ input,
                    const ResampleClip* __restrict__ clips, const float* __restrict__ coefficients,
                    int up, int down, int taps, int num_channels) {
  float* mono = simt::dynamic_shared<float>();
  const ResampleClip clip = clips[blockIdx.y];
  const std::int64_t num_outputs = num_resampled(clip.num_input_frames, up, down);
  const int thread = static_cast<int>(threadIdx.x), threads = static_cast<int>(blockDim.x);
  const int tile = threads * kOutputs;
  const std::int64_t first = static_cast<std::int64_t>(blockIdx.x) * tile;
  if (first >= num_outputs) {
    return;
  }
  // Output `first` lies at first_frame + first_remainder / up; from there on 32 bits are enough.
  const std::int64_t first_frame = first * down / up;
  const auto first_remainder = static_cast<int>(first * down - first_frame * up);
  const int span = (first_remainder + (tile - 1) * down) / up + taps;
  load_mono(mono, span, input + clip.first_input_frame * num_channels, first_frame - taps / 2 + 1,
            clip.num_input_frames, num_channels);
  __syncthreads();

  const float* coefficient = coefficients + (static_cast<int>(first % up) + thread) % up;
  const float* frames = mono + (first_remainder + thread * down) / up;
  const int frames_apart = kOutputs > 1 ? threads / up * down : 0;
  float sums[kOutputs] = {};
#pragma unroll 4
  for (int tap = 0; tap < taps; ++tap) {
    const float weight = __ldg(coefficient + static_cast<std::int64_t>(tap) * up);
#pragma unroll
    for (int i = 0; i < kOutputs; ++i) {
      sums[i] += weight * frames[tap + i * frames_apart];
    }
  }
#pragma unroll
  for (int i = 0; i < kOutputs; ++i) {
    const std::int64_t place = first + i * threads + thread;
    if (place < num_outputs) {
      output[clip.first_output + place] = sample_of<Out>(sums[i]);
    }
  }
}

std::size_t shared_bytes(const ResampleFilter& filter, std::int64_t tile) {
  return static_cast<std::size_t>((tile * filter.down + filter.up - 1) / filter.up + filter.taps) *
         sizeof(float);
}

}  // namespace

template <class Out, class In>
void resample(Stream stream, Out* output, const In* input, const ResampleClip* clips, int num_clips,
              std::int64_t max_outputs, int num_channels, const ResampleFilter& filter,
              const float* coefficients) {
  constexpr int kMaxClips = 65535;
  constexpr std::size_t kSharedBytes = 96 * 1024;  // the most that every GPU from sm_80 on offers
  if (num_clips > kMaxClips) {
    throw Error(ErrorClass::kUsage, "resample: " + std::to_string(num_clips) +
                                        " clips in a batch; at most " + std::to_string(kMaxClips));
  }
  if (num_clips == 0 || max_outputs == 0) {
    return;
  }
  const int period = (kMinThreads + filter.up - 1) / filter.up * filter.up;
  const bool shares_coefficients =
      period <= kMaxThreads && shared_bytes(filter, period * kOutputsPerThread) <= kSharedBytes;
  const int threads = shares_coefficients ? period : kMinThreads;
  const int tile = shares_coefficients ? period * kOutputsPerThread : kMinThreads;
  const dim3 grid(static_cast<unsigned>((max_outputs + tile - 1) / tile),
                  static_cast<unsigned>(num_clips));
  const auto kernel = shares_coefficients ? resample_kernel<Out, In, kOutputsPerThread>
                                          : resample_kernel<Out, In, 1>;
  simt::launch(kernel, grid, static_cast<unsigned>(threads), shared_bytes(filter, tile), stream,
               output, input, clips, coefficients, filter.up, filter.down, filter.taps,
               num_channels);
}

#define VGGROOVE_INSTANTIATE(Out, In)                                                          \
  template void resample(Stream, Out*, const In*, const ResampleClip*, int, std::int64_t, int, \
                         const ResampleFilter&, const float*)
VGGROOVE_INSTANTIATE(float, float);
VGGROOVE_INSTANTIATE(float, std::int16_t);
VGGROOVE_INSTANTIATE(std::int16_t, float);
VGGROOVE_INSTANTIATE(std::int16_t, std::int16_t);
#undef VGGROOVE_INSTANTIATE

}  // namespace vggroove

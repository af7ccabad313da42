#pragma once

#include <cstdint>
#include <optional>
#include <vector>

#include "engine/backends/cuda/logmel_transform.h"
#include "engine/backends/cuda/owners.h"
#include "engine/backends/cuda/staging.h"
#include "kernels/dsp/logmel.h"

namespace vggroove::cuda {

enum class LogmelMethod {
  kOwn,             // v4: one launch of our own transform, mel and logarithm
  kCufft,           // v2: our kernels on both sides of cuFFT
  kCufftCallbacks,  // v3: cuFFT loads windowed PCM and stores magnitudes by itself
};

// Log-mel examples of ragged batches of clips, from device memory to device memory, in the order of
// one stream. Used by one thread at a time.
class DeviceLogmel {
 public:
  // Throws OutOfDeviceMemory where its memory does not fit: 8 bytes an example, with kCufft 25 MB
  // more, with kCufftCallbacks 16 MB, and what cuFFT wants. Both must outlive it:
  //   stream  whose order it keeps
  //   copies  carries lists of examples to the device
  DeviceLogmel(LogmelMethod method, const CudaStream& stream, StagedCopies& copies,
               std::int64_t max_examples);

  // Enqueues all examples of the clips, one after the other, and returns how many these are.
  //   logmel  [num_examples, 96, 64] of float or BFloat16, on the device
  //   pcm     int16 mono at 16 kHz, on the device, 32-byte aligned; holds the clips, each beginning
  //           at a multiple of kClipAlignmentSamples
  // Throws Error(kUsage) where the clips have more than max_examples, or one begins elsewhere.
  template <class Out>
  std::int64_t run(Out* logmel, const std::int16_t* pcm, const std::vector<ClipSamples>& clips);

 private:
  void reserve_for_cufft();
  // Examples that go through cuFFT together, from the list of their beginnings.
  template <class Out>
  void run_cufft(Out* logmel, const std::int16_t* pcm, const std::int64_t* example_starts,
                 std::int64_t num_examples);
  template <class Out>
  void run_callbacks(Out* logmel, const std::int16_t* pcm, const std::int64_t* example_starts,
                     std::int64_t num_examples);

  LogmelMethod method_;
  const CudaStream* stream_;
  StagedCopies* copies_;
  std::int64_t max_examples_;
  int max_blocks_ = 0;                        // kOwn
  DeviceBuffer caller_info_, window_;         // kCufftCallbacks
  std::optional<LogmelTransform> transform_;  // the others
  DeviceArena arena_;
  DeviceArena::Slice example_starts_, frames_, spectra_, magnitudes_, workspace_;
};

}  // namespace vggroove::cuda

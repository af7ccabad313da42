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
  kOwn,    // v4: one launch of our own transform, mel and logarithm
  kCufft,  // v2: our kernels on both sides of cuFFT
};

// Log-mel examples of ragged batches of clips, from device memory to device memory, in the order of
// one stream. Used by one thread at a time.
class DeviceLogmel {
 public:
  // Throws OutOfDeviceMemory where its memory does not fit: 8 bytes an example, and with kCufft
  // 25 MB and what cuFFT wants.
  DeviceLogmel(LogmelMethod method, const CudaStream& stream, std::int64_t max_examples);

  // Enqueues all examples of the clips, one after the other, and returns how many these are.
  //   logmel  [num_examples, 96, 64] of float or BFloat16, on the device
  //   pcm     int16 mono at 16 kHz, on the device, 32-byte aligned; holds the clips, each beginning
  //           at a multiple of kClipAlignmentSamples
  //   copies  carries the list of examples to the device
  // Throws Error(kUsage) where the clips have more than max_examples, or one begins elsewhere.
  template <class Out>
  std::int64_t run(Out* logmel, const std::int16_t* pcm, const std::vector<ClipSamples>& clips,
                   StagedCopies& copies);

 private:
  template <class Out>
  void run_cufft(Out* logmel, const std::int16_t* pcm, std::int64_t num_examples) const;

  const CudaStream* stream_;
  std::int64_t max_examples_;
  int max_blocks_ = 0;                        // kOwn
  std::optional<LogmelTransform> transform_;  // kCufft
  DeviceArena arena_;
  DeviceArena::Slice example_starts_, frames_, spectra_, workspace_;
};

}  // namespace vggroove::cuda

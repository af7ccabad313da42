#pragma once

#include <cstdint>
#include <optional>
#include <vector>

#include "engine/backends/cuda/logmel_transform.h"
#include "engine/backends/cuda/owners.h"
#include "engine/device/device.h"
#include "kernels/dsp/logmel.h"

namespace vggroove::cuda {

// Log-mels of the same places of a buffer, as often as it is filled, in the order of one stream.
// Used by one thread at a time.
class DeviceLogmel {
 public:
  // Throws OutOfDeviceMemory where its memory does not fit: 8 bytes an example, with kCufft 790 kB
  // more, with kCufftCallbacks 490 kB, and what cuFFT wants. With 32 examples, these 25 MB stay in
  // the caches of the devices that have 40 MB and more (sm_80, 90, 100, 120).
  //   stream   whose order it keeps; outlives it
  //   samples  mono at 16 kHz, on the device, 32-byte aligned; outlives it
  //   example_starts  in samples, not empty, multiples of kClipAlignmentSamples
  DeviceLogmel(LogmelMethod method, const CudaStream& stream, const float* samples,
               const std::vector<std::int64_t>& example_starts);

  // Enqueues logmel [example_starts.size(), 96, 64], on the device. Can be captured in a graph.
  void run(float* logmel) const;

 private:
  std::int64_t num_frames() const { return num_examples_ * LogMelSpec::kExampleFrames; }
  void reserve_for_cufft();

  LogmelMethod method_;
  const CudaStream* stream_;
  const float* samples_;
  std::int64_t num_examples_;
  int max_blocks_ = 0;                        // kOwn
  DeviceBuffer caller_info_;                  // kCufftCallbacks
  std::optional<LogmelTransform> transform_;  // the others
  DeviceArena arena_;
  DeviceArena::Slice example_starts_, frames_, spectra_, magnitudes_, window_, workspace_;
};

}  // namespace vggroove::cuda

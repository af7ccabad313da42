#pragma once

#include <cufft.h>

#include <cstddef>
#include <cstdint>

#include "engine/backends/cuda/owners.h"
#include "kernels/dsp/logmel.h"

namespace vggroove::cuda {

// cuFFT's part of log-mel v1 to v3: a plan for the real transforms of a fixed number of frames, in
// double precision, in the order of one stream. Used by one thread at a time.
class LogmelTransform {
 public:
  // Throws as check.h says. Memory is the caller's: use_workspace() before the first run.
  //   caller_info  nothing, or on the device, for run_callbacks() in place of run(): then the plan
  //                loads and stores through the callbacks of kernels/dsp/logmel_callbacks.cuh
  LogmelTransform(const CudaStream& stream, std::int64_t num_frames,
                  const LogMelCallerInfo* caller_info = nullptr);
  ~LogmelTransform();
  LogmelTransform(const LogmelTransform&) = delete;
  LogmelTransform& operator=(const LogmelTransform&) = delete;

  std::size_t workspace_bytes() const { return workspace_bytes_; }
  // workspace [workspace_bytes()], 256-byte aligned, alive as long as the plan is used.
  void use_workspace(void* workspace) const;

  // spectra [num_frames, 257] = the real FFT of frames [num_frames, 512].
  void run(SpectrumBin* spectra, const double* frames) const;

  // Magnitudes of num_frames frames, from and to where caller_info points to.
  //   samples  caller_info's, which is on the device
  //   scratch  [num_frames, 257], what cuFFT takes for its output
  void run_callbacks(SpectrumBin* scratch, const float* samples) const;

 private:
  void use_callbacks();
  void execute(SpectrumBin* out, const void* in) const;

  cudaStream_t stream_;
  void* caller_info_;  // one for each device of a plan, of which ours have one
  cufftHandle plan_ = CUFFT_PLAN_NULL;
  std::size_t workspace_bytes_ = 0;
};

}  // namespace vggroove::cuda

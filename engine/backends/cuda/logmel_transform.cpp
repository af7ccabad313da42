#include "engine/backends/cuda/logmel_transform.h"

#include <fmt/format.h>

#include "engine/backends/cuda/check.h"

namespace vggroove::cuda {
namespace {
constexpr std::int64_t kFftSize = LogMelSpec::kFftSize;
constexpr std::int64_t kBins = LogMelSpec::kNumBins;
static_assert(sizeof(SpectrumBin) == sizeof(cufftDoubleComplex));
}  // namespace

LogmelTransform::LogmelTransform(const CudaStream& stream, std::int64_t max_frames)
    : stream_(stream.get()), max_frames_(max_frames) {
  VGGROOVE_CUFFT(cufftCreate(&plan_));
  try {
    VGGROOVE_CUFFT(cufftSetAutoAllocation(plan_, 0));  // before the plan is made, or it allocates
    long long size = kFftSize, frame_values = kFftSize, spectrum_values = kBins;
    VGGROOVE_CUFFT(cufftMakePlanMany64(plan_, 1, &size, &frame_values, 1, kFftSize,
                                       &spectrum_values, 1, kBins, CUFFT_D2Z, max_frames,
                                       &workspace_bytes_));
    VGGROOVE_CUFFT(cufftSetStream(plan_, stream_));
  } catch (...) {
    cufftDestroy(plan_);
    throw;
  }
}

LogmelTransform::~LogmelTransform() {
  cufftDestroy(plan_);  // as owners.h: errors of a lost device change nothing
}

void LogmelTransform::use_workspace(void* workspace) const {
  VGGROOVE_CUFFT(cufftSetWorkArea(plan_, workspace));
}

void LogmelTransform::run(SpectrumBin* spectra, double* frames, std::int64_t num_frames) const {
  if (num_frames > max_frames_) {
    throw Error(ErrorClass::kUsage, fmt::format("log-mel: {} frames for a transform of at most {}",
                                                num_frames, max_frames_));
  }
  if (num_frames < max_frames_) {
    const auto missing = static_cast<std::size_t>(max_frames_ - num_frames);
    VGGROOVE_CUDA(cudaMemsetAsync(frames + num_frames * kFftSize, 0,
                                  missing * kFftSize * sizeof(double), stream_));
  }
  VGGROOVE_CUFFT(cufftExecD2Z(plan_, frames, reinterpret_cast<cufftDoubleComplex*>(spectra)));
}

}  // namespace vggroove::cuda

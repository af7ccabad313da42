#include "engine/backends/cuda/logmel_transform.h"

#include <cufftXt.h>

#include "engine/backends/cuda/check.h"
#include "kernels/dsp/logmel_callbacks_image.h"

namespace vggroove::cuda {
namespace {
constexpr std::int64_t kFftSize = LogMelSpec::kFftSize;
constexpr std::int64_t kBins = LogMelSpec::kNumBins;
static_assert(sizeof(SpectrumBin) == sizeof(cufftDoubleComplex));
}  // namespace

LogmelTransform::LogmelTransform(const CudaStream& stream, std::int64_t num_frames,
                                 const LogMelCallerInfo* caller_info)
    : stream_(stream.get()), caller_info_(const_cast<LogMelCallerInfo*>(caller_info)) {
  VGGROOVE_CUFFT(cufftCreate(&plan_));
  try {
    VGGROOVE_CUFFT(cufftSetAutoAllocation(plan_, 0));  // before the plan is made, or it allocates
    if (caller_info != nullptr) {
      use_callbacks();
    }
    long long size = kFftSize, frame_values = kFftSize, spectrum_values = kBins;
    VGGROOVE_CUFFT(cufftMakePlanMany64(plan_, 1, &size, &frame_values, 1, kFftSize,
                                       &spectrum_values, 1, kBins, CUFFT_D2Z, num_frames,
                                       &workspace_bytes_));
    VGGROOVE_CUFFT(cufftSetStream(plan_, stream_));
  } catch (...) {
    cufftDestroy(plan_);
    throw;
  }
}

// Before the plan is made: cuFFT then links them into its kernels.
void LogmelTransform::use_callbacks() {
  const CallbackImage image = logmel_callbacks_image();
  VGGROOVE_CUFFT(cufftXtSetJITCallback(plan_, "vggroove_logmel_load", image.data, image.bytes,
                                       CUFFT_CB_LD_REAL_DOUBLE, &caller_info_));
  VGGROOVE_CUFFT(cufftXtSetJITCallback(plan_, "vggroove_logmel_store", image.data, image.bytes,
                                       CUFFT_CB_ST_COMPLEX_DOUBLE, &caller_info_));
}

LogmelTransform::~LogmelTransform() {
  cufftDestroy(plan_);  // as owners.h: errors of a lost device change nothing
}

void LogmelTransform::use_workspace(void* workspace) const {
  VGGROOVE_CUFFT(cufftSetWorkArea(plan_, workspace));
}

void LogmelTransform::run(SpectrumBin* spectra, const double* frames) const {
  execute(spectra, frames);
}

void LogmelTransform::run_callbacks(SpectrumBin* scratch, const float* samples) const {
  execute(scratch, samples);
}

// cuFFT's own types: it only reads its input, out of place.
void LogmelTransform::execute(SpectrumBin* out, const void* in) const {
  VGGROOVE_CUFFT(cufftExecD2Z(plan_, static_cast<cufftDoubleReal*>(const_cast<void*>(in)),
                              reinterpret_cast<cufftDoubleComplex*>(out)));
}

}  // namespace vggroove::cuda

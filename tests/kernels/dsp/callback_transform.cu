#include "tests/kernels/dsp/callback_transform.h"

#include "kernels/dsp/logmel_callbacks.cuh"

namespace vggroove {
namespace {

__global__ void load_kernel(double* frames, LogMelCallerInfo* info) {
  const std::int64_t offset = static_cast<std::int64_t>(blockIdx.x) * blockDim.x + threadIdx.x;
  frames[offset] = vggroove_logmel_load(nullptr, offset, info, nullptr);
}

__global__ void store_kernel(const SpectrumBin* spectra, LogMelCallerInfo* info) {
  const std::int64_t offset = static_cast<std::int64_t>(blockIdx.x) * blockDim.x + threadIdx.x;
  vggroove_logmel_store(nullptr, offset, make_double2(spectra[offset].re, spectra[offset].im), info,
                        nullptr);
}

}  // namespace

void load_through_callback(double* frames, LogMelCallerInfo* info, std::int64_t num_frames) {
  simt::launch(load_kernel, static_cast<unsigned>(num_frames), LogMelSpec::kFftSize, 0, nullptr,
               frames, info);
}

void store_through_callback(const SpectrumBin* spectra, LogMelCallerInfo* info,
                            std::int64_t num_frames) {
  simt::launch(store_kernel, static_cast<unsigned>(num_frames), LogMelSpec::kNumBins, 0, nullptr,
               spectra, info);
}

}  // namespace vggroove

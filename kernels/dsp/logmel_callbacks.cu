#include "kernels/dsp/logmel_callbacks.cuh"

#include "kernels/dsp/logmel_tile.cuh"

extern "C" __device__ double vggroove_logmel_load(void* /*data_in*/, unsigned long long offset,
                                                  void* caller_info, void* /*shared_pointer*/) {
  using namespace vggroove::logmel_device;
  const auto& info = *static_cast<const vggroove::LogMelCallerInfo*>(caller_info);
  const int sample = static_cast<int>(offset % kFftSize);
  if (sample >= kWindow) {
    return 0;
  }
  const auto frame = static_cast<std::int64_t>(offset / kFftSize);
  return info.window[sample] * info.samples[frame_start(info.example_starts, frame) + sample];
}

extern "C" __device__ void vggroove_logmel_store(void* /*data_out*/, unsigned long long offset,
                                                 double2 element, void* caller_info,
                                                 void* /*shared_pointer*/) {
  const auto& info = *static_cast<const vggroove::LogMelCallerInfo*>(caller_info);
  info.magnitudes[offset] =
      vggroove::logmel_device::magnitude_of(element.x * element.x + element.y * element.y);
}

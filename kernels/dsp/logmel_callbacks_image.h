#pragma once

#include <cstddef>

namespace vggroove {

// logmel_callbacks.cu as cufftXtSetJITCallback takes it. Linked with kernels for a device: a fatbin
// of LTO IR for sm_80, which cuFFT links for any later device, too. Linked with simulated ones:
// what the stand-in of cuFFT takes (engine/backends/sim/callback_image.h).
struct CallbackImage {
  const void* data;
  std::size_t bytes;
};
CallbackImage logmel_callbacks_image();

}  // namespace vggroove

#include "engine/backends/sim/callback_image.h"

#include "kernels/dsp/logmel_callbacks.cuh"
#include "kernels/dsp/logmel_callbacks_image.h"

namespace vggroove {

CallbackImage logmel_callbacks_image() {
  static const sim::SimCallbackImage image{{
      {"vggroove_logmel_load", reinterpret_cast<void (*)()>(&vggroove_logmel_load)},
      {"vggroove_logmel_store", reinterpret_cast<void (*)()>(&vggroove_logmel_store)},
  }};
  return {&image, sizeof image};
}

}  // namespace vggroove

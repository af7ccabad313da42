#pragma once

// What cuFFT calls in log-mel v3, a double-precision real transform of 512 whose batch is the
// frames: its loads window PCM, its stores take magnitudes. The signatures are cufftXt.h's
// cufftJITCallbackLoadD and cufftJITCallbackStoreZ, so that logmel_callbacks.cu, compiled to LTO
// IR, can be given to cufftXtSetJITCallback under these names; caller_info points to a
// LogMelCallerInfo on the device.

#include "kernels/dsp/logmel.h"
#include "kernels/simt/simt.h"

// Sample offset % 512 of frame offset / 512.
extern "C" __device__ double vggroove_logmel_load(void* data_in, unsigned long long offset,
                                                  void* caller_info, void* shared_pointer);
// Bin offset % 257 of frame offset / 257.
extern "C" __device__ void vggroove_logmel_store(void* data_out, unsigned long long offset,
                                                 double2 element, void* caller_info,
                                                 void* shared_pointer);

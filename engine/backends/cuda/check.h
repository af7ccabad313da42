#pragma once

#include <cublasLt.h>
#include <cuda_runtime_api.h>
#include <cufft.h>

#include <string>

#include "base/error.h"
#include "engine/device/out_of_device_memory.h"

namespace vggroove::cuda {

// Throw Error(kDevice), or OutOfDeviceMemory, that names the call, its answer and the place, unless
// the call succeeded. A device that a process has lost (an illegal access, an uncorrectable memory
// error) answers every later call with the same error: the message says so.
void check(cudaError_t result, const char* call, const char* file, int line);
void check(cublasStatus_t result, const char* call, const char* file, int line);
void check(cufftResult result, const char* call, const char* file, int line);

}  // namespace vggroove::cuda

#define VGGROOVE_CUDA(call) \
  ::vggroove::cuda::check(static_cast<cudaError_t>(call), #call, __FILE__, __LINE__)
#define VGGROOVE_CUBLASLT(call) \
  ::vggroove::cuda::check(static_cast<cublasStatus_t>(call), #call, __FILE__, __LINE__)
#define VGGROOVE_CUFFT(call) \
  ::vggroove::cuda::check(static_cast<cufftResult>(call), #call, __FILE__, __LINE__)

#pragma once

#include <cuda_runtime_api.h>

#include <string>

#include "base/error.h"

namespace vggroove::bench {

// Throws Error(kDevice) unless the call succeeded.
inline void check_cuda(cudaError_t result, const char* call) {
  if (result != cudaSuccess) {
    throw Error(ErrorClass::kDevice, std::string(call) + ": " + cudaGetErrorString(result));
  }
}

}  // namespace vggroove::bench

#define VGGROOVE_BENCH_CUDA(call) ::vggroove::bench::check_cuda(call, #call)

#include "engine/backends/cuda/check.h"

#include <fmt/format.h>

#include <string_view>

namespace vggroove::cuda {
namespace {

std::string_view function_name(std::string_view call) {
  return call.substr(0, call.find('('));
}

// Without the folders of the machine that compiled us.
std::string_view file_name(std::string_view path) {
  return path.substr(path.rfind('/') + 1);
}

// After these the CUDA context is gone, and with it everything that this process had on the device.
bool is_lost(cudaError_t error) {
  switch (error) {
    case cudaErrorIllegalAddress:
    case cudaErrorMisalignedAddress:
    case cudaErrorIllegalInstruction:
    case cudaErrorInvalidPc:
    case cudaErrorInvalidAddressSpace:
    case cudaErrorHardwareStackError:
    case cudaErrorLaunchFailure:
    case cudaErrorLaunchTimeout:
    case cudaErrorAssert:
    case cudaErrorECCUncorrectable:
    case cudaErrorNvlinkUncorrectable:
    case cudaErrorContained:
    case cudaErrorDevicesUnavailable:
    case cudaErrorUnknown:
      return true;
    default:
      return false;
  }
}

// cuFFT has no function for it.
std::string name_of(cufftResult result) {
#define VGGROOVE_CASE(name) \
  case name:                \
    return #name
  switch (result) {
    VGGROOVE_CASE(CUFFT_INVALID_PLAN);
    VGGROOVE_CASE(CUFFT_ALLOC_FAILED);
    VGGROOVE_CASE(CUFFT_INVALID_TYPE);
    VGGROOVE_CASE(CUFFT_INVALID_VALUE);
    VGGROOVE_CASE(CUFFT_INTERNAL_ERROR);
    VGGROOVE_CASE(CUFFT_EXEC_FAILED);
    VGGROOVE_CASE(CUFFT_SETUP_FAILED);
    VGGROOVE_CASE(CUFFT_INVALID_SIZE);
    VGGROOVE_CASE(CUFFT_INVALID_DEVICE);
    VGGROOVE_CASE(CUFFT_NO_WORKSPACE);
    VGGROOVE_CASE(CUFFT_NOT_SUPPORTED);
    VGGROOVE_CASE(CUFFT_MISSING_DEPENDENCY);
    VGGROOVE_CASE(CUFFT_NVRTC_FAILURE);
    VGGROOVE_CASE(CUFFT_NVJITLINK_FAILURE);
    default:
      return fmt::format("cufftResult {}", static_cast<int>(result));
  }
#undef VGGROOVE_CASE
}

}  // namespace

void check(cudaError_t result, const char* call, const char* file, int line) {
  if (result == cudaSuccess) {
    return;
  }
  const std::string message =
      fmt::format("GPU: {}: {} ({}, {}:{})", function_name(call), cudaGetErrorString(result),
                  cudaGetErrorName(result), file_name(file), line);
  if (result == cudaErrorMemoryAllocation) {
    cudaGetLastError();  // this one is not sticky: forgotten, later calls work
    throw OutOfDeviceMemory(message);
  }
  throw Error(ErrorClass::kDevice,
              is_lost(result) ? message +
                                    "; this process has lost the device: see `dmesg` for the "
                                    "driver's reason (Xid) and start again"
                              : message);
}

void check(cublasStatus_t result, const char* call, const char* file, int line) {
  if (result == CUBLAS_STATUS_SUCCESS) {
    return;
  }
  const std::string message = fmt::format("GPU: {}: {} ({}:{})", function_name(call),
                                          cublasLtGetStatusName(result), file_name(file), line);
  if (result == CUBLAS_STATUS_ALLOC_FAILED) {
    throw OutOfDeviceMemory(message);
  }
  throw Error(ErrorClass::kDevice, message);
}

void check(cufftResult result, const char* call, const char* file, int line) {
  if (result == CUFFT_SUCCESS) {
    return;
  }
  const std::string message = fmt::format("GPU: {}: {} ({}:{})", function_name(call),
                                          name_of(result), file_name(file), line);
  if (result == CUFFT_ALLOC_FAILED) {
    throw OutOfDeviceMemory(message);
  }
  throw Error(ErrorClass::kDevice, message);
}

}  // namespace vggroove::cuda

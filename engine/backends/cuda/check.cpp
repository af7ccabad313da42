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

}  // namespace vggroove::cuda

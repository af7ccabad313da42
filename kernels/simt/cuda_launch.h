#pragma once

// simt.h for nvcc.

#include <cuda_runtime.h>

#include <cstddef>
#include <string>
#include <utility>

#include "base/error.h"
#include "kernels/common/stream.h"

namespace vggroove::simt {

// What a block may take without asking for more.
inline constexpr std::size_t kDefaultSharedBytes = 48 * 1024;

template <class T>
__device__ __forceinline__ T* dynamic_shared() {
  extern __shared__ __align__(16) unsigned char dynamic_shared_memory[];
  return reinterpret_cast<T*>(dynamic_shared_memory);
}

inline void check_launch(cudaError_t status, const void* kernel) {
  if (status != cudaSuccess) {
    const char* name = nullptr;
    if (cudaFuncGetName(&name, kernel) != cudaSuccess || name == nullptr) {
      name = "of unknown name";
    }
    throw Error(ErrorClass::kUsage,
                std::string("kernel ") + name + ": launch failed: " + cudaGetErrorString(status));
  }
}

template <class... Params, class... Args>
void launch(void (*kernel)(Params...), dim3 grid, dim3 block, std::size_t dynamic_shared_bytes,
            Stream stream, Args&&... args) {
  const void* address = reinterpret_cast<const void*>(kernel);
  if (dynamic_shared_bytes > kDefaultSharedBytes) {
    check_launch(cudaFuncSetAttribute(address, cudaFuncAttributeMaxDynamicSharedMemorySize,
                                      static_cast<int>(dynamic_shared_bytes)),
                 address);
  }
  kernel<<<grid, block, dynamic_shared_bytes, stream>>>(
      static_cast<Params>(std::forward<Args>(args))...);
  check_launch(cudaGetLastError(), address);
}

}  // namespace vggroove::simt

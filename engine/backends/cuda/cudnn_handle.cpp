#include "engine/backends/cuda/cudnn_handle.h"

#include "engine/backends/cuda/cudnn/descriptor.h"

namespace vggroove::cuda {

CudnnHandle::CudnnHandle(const CudaStream& stream) {
  cudnnHandle_t handle = nullptr;
  VGGROOVE_CUDNN(cudnnCreate(&handle));
  handle_.reset(handle);
  VGGROOVE_CUDNN(cudnnSetStream(handle, stream.get()));
}

}  // namespace vggroove::cuda

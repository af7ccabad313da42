#include "engine/backends/cuda/cudnn_handle.h"

#include "engine/backends/cuda/cudnn/descriptor.h"

namespace vggroove::cuda {

CudnnHandle::CudnnHandle(const CudaStream& stream) {
  cudnnHandle_t handle = nullptr;
  VGGROOVE_CUDNN(cudnnCreate(&handle));
  handle_.reset(handle);
  VGGROOVE_CUDNN(cudnnSetStream(handle, stream.get()));
}

cudnn::MathMode math_mode(Precision precision) {
  switch (precision) {
    case Precision::kFp32:
      return cudnn::MathMode::kFp32;
    case Precision::kTf32:
      return cudnn::MathMode::kTf32;
    case Precision::kBf16:
      break;
  }
  return cudnn::MathMode::kBf16;
}

}  // namespace vggroove::cuda

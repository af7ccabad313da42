#pragma once

#include <cudnn.h>

#include <memory>

#include "engine/backends/cuda/cudnn/conv_graph.h"
#include "engine/backends/cuda/owners.h"
#include "engine/device/device.h"

namespace vggroove::cuda {

// What plans run on: in the order of one stream.
class CudnnHandle {
 public:
  explicit CudnnHandle(const CudaStream& stream);
  cudnnHandle_t get() const { return handle_.get(); }

 private:
  struct Destroy {
    void operator()(cudnnHandle_t handle) const { cudnnDestroy(handle); }
  };
  std::unique_ptr<cudnnContext, Destroy> handle_;
};

cudnn::MathMode math_mode(Precision precision);

}  // namespace vggroove::cuda

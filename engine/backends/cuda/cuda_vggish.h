#pragma once

#include <cstddef>
#include <filesystem>
#include <memory>
#include <string>

#include "engine/device/device.h"
#include "engine/nets/vggish.h"
#include "engine/nets/vggish_layers.h"

namespace vggroove::cuda {

struct CudaSettings {
  // Examples per pass of the network. Every pass computes as many, missing ones as silence: other
  // batches may get other kernels from the libraries, and an example's bits must not depend on its
  // neighbours.
  std::size_t chunk = 32;
  LogmelMethod logmel = LogmelMethod::kOwn;
  std::string device_name;            // "cuda" or "sim", for device_description()
  std::filesystem::path plan_folder;  // keeps cuDNN's plans between runs; empty: memory only
};

// The network on device 0, which takes ExampleForm::kSamples: log-mel, conv1 with its pool and the
// other pools by our kernels, convolutions by cuDNN, dense layers by cuBLASLt. From a session's
// second pass on, a pass is one CUDA graph; those of several sessions overlap, each in its stream.
// A session that finds no memory for `chunk` examples takes half as many, down to one.
// Throws Error(kDevice) where the device fails, OutOfDeviceMemory where the weights do not fit.
std::shared_ptr<const Vggish> load_cuda_vggish(const TensorReader& tensors, Precision precision,
                                               const CudaSettings& settings);

}  // namespace vggroove::cuda

#pragma once

#include "engine/backends/cuda/cuda_vggish.h"
#include "engine/backends/plugin.h"

namespace vggroove::cuda {

// The CUDA backend as a plugin: of a real device, or of the simulated one.
class CudaPlugin : public Plugin {
 public:
  CudaPlugin(Device device, std::size_t chunk) : device_(device), chunk_(chunk) {}

  std::shared_ptr<const Vggish> load_vggish(
      const TensorReader& tensors, Precision precision,
      const std::filesystem::path& cache_folder) const override {
    // A simulated plan is found in no time and means nothing to another process.
    const bool keeps_plans = device_ == Device::kCuda && !cache_folder.empty();
    return load_cuda_vggish(
        tensors, precision,
        {.chunk = chunk_,
         .device_name = std::string(device_name(device_)),
         .plan_folder = keeps_plans ? cache_folder / "cudnn-plans" : std::filesystem::path()});
  }

 private:
  Device device_;
  std::size_t chunk_;
};

}  // namespace vggroove::cuda

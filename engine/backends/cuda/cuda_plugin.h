#pragma once

#include "engine/backends/cuda/cuda_vggish.h"
#include "engine/backends/cuda/head_training.h"
#include "engine/backends/cuda/training.h"
#include "engine/backends/plugin.h"

namespace vggroove::cuda {

// The CUDA backend as a plugin: of a real device, or of the simulated one.
class CudaPlugin : public Plugin {
 public:
  CudaPlugin(Device device, std::size_t chunk) : device_(device), chunk_(chunk) {}

  std::shared_ptr<const Vggish> load_vggish(const TensorReader& tensors,
                                            const VggishOptions& options) const override {
    return load_cuda_vggish(tensors, options.precision,
                            {.chunk = chunk_,
                             .logmel = options.logmel,
                             .device_name = std::string(device_name(device_)),
                             .plan_folder = plan_folder(options.cache_folder)});
  }
  std::unique_ptr<TrainingBackend> new_training(Precision precision,
                                                const std::filesystem::path& cache_folder,
                                                Communicator& processes) const override {
    return std::make_unique<CudaTraining>(
        CudaTrainingSettings{.precision = precision,
                             .device_name = std::string(device_name(device_)),
                             .plan_folder = plan_folder(cache_folder),
                             .processes = &processes});
  }
  std::unique_ptr<HeadTrainingBackend> new_head_training(Precision precision) const override {
    return std::make_unique<CudaHeadTraining>(std::string(device_name(device_)), precision);
  }

 private:
  // A simulated plan is found in no time and means nothing to another process.
  std::filesystem::path plan_folder(const std::filesystem::path& cache_folder) const {
    const bool keeps_plans = device_ == Device::kCuda && !cache_folder.empty();
    return keeps_plans ? cache_folder / "cudnn-plans" : std::filesystem::path();
  }

  Device device_;
  std::size_t chunk_;
};

}  // namespace vggroove::cuda

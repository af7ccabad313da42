#include "engine/backends/cuda/device_name.h"

#include <fmt/format.h>

#include "engine/backends/cuda/check.h"

namespace vggroove::cuda {

std::string describe_device(const std::string& device_name) {
  cudaDeviceProp properties{};
  VGGROOVE_CUDA(cudaGetDeviceProperties(&properties, 0));
  return fmt::format("{} ({})", device_name, properties.name);
}

}  // namespace vggroove::cuda

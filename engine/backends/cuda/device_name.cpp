#include "engine/backends/cuda/device_name.h"

#include <fmt/format.h>

#include "engine/backends/cuda/check.h"

namespace vggroove::cuda {

std::string describe_device(const std::string& device_name, int device) {
  cudaDeviceProp properties{};
  VGGROOVE_CUDA(cudaGetDeviceProperties(&properties, device));
  return fmt::format("{} ({})", device_name, properties.name);
}

int take_device(int local_rank) {
  int num_devices = 0;
  VGGROOVE_CUDA(cudaGetDeviceCount(&num_devices));
  const int device = local_rank % num_devices;  // a launcher may show each process one of its own
  VGGROOVE_CUDA(cudaSetDevice(device));
  return device;
}

}  // namespace vggroove::cuda

#pragma once

#include <string>

namespace vggroove::cuda {

// "cuda (NVIDIA H100 80GB HBM3)". Asked before anything else: the runtime names what is wrong with
// a driver better than the libraries do. Throws Error(kDevice).
std::string describe_device(const std::string& device_name);

}  // namespace vggroove::cuda

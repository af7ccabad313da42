#pragma once

#include <string>

namespace vggroove::cuda {

// "cuda (NVIDIA H100 80GB HBM3)". Asked before anything else: the runtime names what is wrong with
// a driver better than the libraries do. Throws Error(kDevice).
std::string describe_device(const std::string& device_name, int device = 0);

// Makes one of the devices that this process can see the current one of this thread: each of
// several processes of a machine takes another, as long as there are enough. Throws Error(kDevice).
int take_device(int local_rank);

}  // namespace vggroove::cuda

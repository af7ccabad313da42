#pragma once

namespace vggroove::sim {

// From now on kernels of ours are launched into the streams of the simulated device.
void take_kernel_launches();

}  // namespace vggroove::sim

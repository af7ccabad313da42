#pragma once

#include <cstddef>
#include <string>
#include <vector>

namespace vggroove {

struct GpuInfo {
  std::string name;                                // "NVIDIA H100 80GB HBM3"
  int capability_major = 0, capability_minor = 0;  // 9, 0
  std::size_t memory_bytes = 0;
};

// What NVIDIA's driver says of this machine.
struct CudaDriver {
  std::vector<GpuInfo> devices;  // in the driver's order, whether we can use them or not
  // Why nothing can compute here, as the end of a sentence: "no NVIDIA driver (libcuda.so.1) on
  // this machine". Empty: device 0 can.
  std::string trouble;

  bool usable() const { return trouble.empty(); }
};

// The CUDA version whose driver we need at least (as cuDriverGetVersion counts), and the oldest
// architecture that our kernels are compiled for.
inline constexpr int kLeastCudaVersion = 13000;
inline constexpr int kLeastCapabilityMajor = 8;

// Asks the driver's own library, which comes with the driver and not with CUDA, so that a machine
// without one answers in well under a millisecond and no vendor library (hundreds of MB) is loaded
// for the question. Never throws.
CudaDriver query_cuda_driver(const char* library = "libcuda.so.1");

}  // namespace vggroove

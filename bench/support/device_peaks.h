#pragma once

#include <string>

#include "bench/support/workload.h"

namespace vggroove::bench {

// What device 0 can do at best, from what its driver says: clocks, widths, multiprocessors, and the
// results per clock and multiprocessor of the CUDA C++ Programming Guide (table "Throughput of
// Native Arithmetic Instructions"). A benchmark's roofline.
struct DevicePeaks {
  std::string name;
  double memory_bytes_per_s = 0, fp32_operations_per_s = 0, fp64_operations_per_s = 0;
  std::size_t cache_bytes = 0;  // L2

  // Seconds that the floor takes on the roofline.
  double seconds(const Floor& floor) const;
};

// Throws Error(kDevice).
DevicePeaks peaks_of_device();

}  // namespace vggroove::bench

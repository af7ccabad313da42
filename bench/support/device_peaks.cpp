#include "bench/support/device_peaks.h"

#include <algorithm>

#include "bench/support/cuda_check.h"

namespace vggroove::bench {
namespace {

double attribute(cudaDeviceAttr which) {
  int value = 0;
  VGGROOVE_BENCH_CUDA(cudaDeviceGetAttribute(&value, which, 0));
  return value;
}

// Multiply-adds per clock and multiprocessor.
int fp32_lanes(int major, int minor) {
  return major == 8 && minor == 0 ? 64 : 128;
}
int fp64_lanes(int major, int minor) {
  if (major == 8) {
    return minor == 0 ? 32 : 2;
  }
  return major == 9 || (major == 10 && minor == 0) ? 64 : 2;
}

}  // namespace

double DevicePeaks::seconds(const Floor& floor) const {
  return std::max({(floor.read_bytes + floor.written_bytes) / memory_bytes_per_s,
                   floor.fp32_operations / fp32_operations_per_s,
                   floor.fp64_operations / fp64_operations_per_s});
}

DevicePeaks peaks_of_device() {
  cudaDeviceProp properties{};
  VGGROOVE_BENCH_CUDA(cudaGetDeviceProperties(&properties, 0));
  const double clock_hz = 1e3 * attribute(cudaDevAttrClockRate);
  const double lane_clocks = 2 * clock_hz * properties.multiProcessorCount;
  return {.name = properties.name,
          // Double data rate: two transfers a clock.
          .memory_bytes_per_s = 2 * 1e3 * attribute(cudaDevAttrMemoryClockRate) *
                                attribute(cudaDevAttrGlobalMemoryBusWidth) / 8,
          .fp32_operations_per_s = lane_clocks * fp32_lanes(properties.major, properties.minor),
          .fp64_operations_per_s = lane_clocks * fp64_lanes(properties.major, properties.minor),
          .cache_bytes = static_cast<std::size_t>(properties.l2CacheSize)};
}

}  // namespace vggroove::bench

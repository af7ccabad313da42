#pragma once

#include <vector>

#include "bench/support/workload.h"

namespace vggroove::bench {

struct DeviceTiming {
  double median_s = 0, best_s = 0, worst_s = 0;
};

// Times `launch` on device 0 between events, with the L2 cache emptied before each of the
// `repetitions`. Throws Error(kDevice).
DeviceTiming time_on_device(const Prepared& prepared, std::size_t cache_bytes, int repetitions);

}  // namespace vggroove::bench

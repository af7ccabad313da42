#pragma once

#include <time.h>

#include <algorithm>
#include <vector>

namespace vggroove::bench {

// Seconds that this thread has computed: unlike wall time, without what other programs took.
inline double thread_cpu_s() {
  timespec time;
  clock_gettime(CLOCK_THREAD_CPUTIME_ID, &time);
  return static_cast<double>(time.tv_sec) + 1e-9 * static_cast<double>(time.tv_nsec);
}

// CPU seconds of repeated runs.
struct Timing {
  double best_s = 0, median_s = 0;
};

// Runs the functions in turn, so that a change of the machine's mood meets all of them, until
// `seconds` of CPU time are used per function, at least five times each.
template <class... Functions>
std::vector<Timing> time_interleaved(double seconds, const Functions&... functions) {
  std::vector<std::vector<double>> runs(sizeof...(functions));
  const double end_s = thread_cpu_s() + seconds * sizeof...(functions);
  while (runs[0].size() < 5 || thread_cpu_s() < end_s) {
    std::size_t index = 0;
    const auto run = [&](const auto& function) {
      const double start_s = thread_cpu_s();
      function();
      runs[index++].push_back(thread_cpu_s() - start_s);
    };
    (run(functions), ...);
  }
  std::vector<Timing> timings;
  for (std::vector<double>& times : runs) {
    std::sort(times.begin(), times.end());
    timings.push_back({times.front(), times[times.size() / 2]});
  }
  return timings;
}

}  // namespace vggroove::bench

#include "plot/ticks.h"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>

namespace vggroove::plot {

std::vector<Tick> round_ticks(double first, double last, int max_ticks) {
  std::vector<Tick> ticks;
  if (!(last > first) || !std::isfinite(last - first) || max_ticks < 1) {
    return ticks;
  }
  const double least_step = (last - first) / max_ticks;
  const double power = std::pow(10.0, std::floor(std::log10(least_step)));
  double step = 10 * power;
  for (const double candidate : {1.0, 2.0, 5.0}) {
    if (candidate * power >= least_step) {
      step = candidate * power;
      break;
    }
  }
  const int decimals = std::max(0, -static_cast<int>(std::floor(std::log10(step) + 1e-9)));
  // A tick that rounding put a hair beyond the end still counts.
  const double slack = 1e-9 * step;
  for (double i = std::ceil((first - slack) / step); i * step <= last + slack; ++i) {
    const double value = i == 0 ? 0.0 : i * step;
    ticks.push_back({(value - first) / (last - first), fmt::format("{:.{}f}", value, decimals)});
  }
  return ticks;
}

}  // namespace vggroove::plot

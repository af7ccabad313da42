#pragma once

#include <string>
#include <vector>

namespace vggroove::plot {

struct Tick {
  double position = 0;  // along the axis, 0 at its start, 1 at its end
  std::string text;
};

// Ticks at round numbers (1, 2 or 5 times a power of ten apart) within [first, last], where the
// axis starts at `first` and ends at `last`; at most max_ticks of them.
std::vector<Tick> round_ticks(double first, double last, int max_ticks);

}  // namespace vggroove::plot

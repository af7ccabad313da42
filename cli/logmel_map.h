#pragma once

#include <span>
#include <string>

#include "plot/charts.h"

namespace vggroove::cli {

// A log-mel spectrogram for plot::heat_map(): seconds against Hz. frames [n, 64] row-major, which
// the map only refers to.
plot::HeatMap logmel_map(std::span<const float> frames, const std::string& title);

}  // namespace vggroove::cli

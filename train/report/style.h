#pragma once

#include <string>

namespace vggroove {

// Shades of a cell by the share that it stands for: classes "right0" .. "right10" on the diagonal,
// "wrong0" .. "wrong10" beside it (0: nothing).
inline constexpr int kNumShades = 10;

// The style sheet of the page, in light and in dark.
std::string report_style();

}  // namespace vggroove

#pragma once

#include <string>
#include <string_view>

namespace vggroove::weights {

// A name out of a foreign file, in quotes and fit for a one-line message: at most 80 characters,
// control characters and bytes outside ASCII as \xNN.
std::string quoted_name(std::string_view foreign);

}  // namespace vggroove::weights

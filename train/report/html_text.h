#pragma once

#include <string>
#include <string_view>

namespace vggroove {

// Text as it may stand between tags and in quoted attributes: & < > " ' are written as references,
// and control characters, which HTML forbids, as U+FFFD.
std::string html_text(std::string_view text);

// "data:image/png;base64,..." of the bytes of a PNG file.
std::string png_data_uri(std::string_view png);

}  // namespace vggroove

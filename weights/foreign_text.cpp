#include "weights/foreign_text.h"

#include <fmt/format.h>

namespace vggroove::weights {

std::string quoted_name(std::string_view foreign) {
  constexpr std::size_t kLongest = 80;
  std::string text = "\"";
  for (const char c : foreign.substr(0, kLongest)) {
    if (c >= ' ' && c <= '~') {
      text += c;
    } else {
      text += fmt::format("\\x{:02x}", static_cast<unsigned char>(c));
    }
  }
  return text + (foreign.size() > kLongest ? "...\"" : "\"");
}

}  // namespace vggroove::weights

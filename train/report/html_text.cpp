#include "train/report/html_text.h"

#include <cstddef>
#include <cstdint>

namespace vggroove {

std::string html_text(std::string_view text) {
  std::string html;
  html.reserve(text.size());
  for (const char c : text) {
    switch (c) {
      case '&':
        html += "&amp;";
        break;
      case '<':
        html += "&lt;";
        break;
      case '>':
        html += "&gt;";
        break;
      case '"':
        html += "&quot;";
        break;
      case '\'':
        html += "&#39;";
        break;
      default: {
        const auto byte = static_cast<unsigned char>(c);
        if (byte < 0x20 || byte == 0x7f) {
          html += "\xef\xbf\xbd";
        } else {
          html += c;
        }
      }
    }
  }
  return html;
}

std::string png_data_uri(std::string_view png) {
  static constexpr char kDigits[] =
      "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
  std::string uri = "data:image/png;base64,";
  uri.reserve(uri.size() + (png.size() + 2) / 3 * 4);
  for (std::size_t i = 0; i < png.size(); i += 3) {
    std::uint32_t group = 0;
    for (std::size_t j = i; j < i + 3; ++j) {
      group = group << 8 | (j < png.size() ? static_cast<unsigned char>(png[j]) : 0U);
    }
    for (std::size_t digit = 0; digit < 4; ++digit) {
      const bool is_padding = i + digit > png.size();
      uri += is_padding ? '=' : kDigits[group >> (18 - 6 * digit) & 63];
    }
  }
  return uri;
}

}  // namespace vggroove

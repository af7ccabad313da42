#pragma once

#include <array>
#include <cstdint>
#include <string_view>

namespace vggroove::plot {

// A bitmap font of the printable ASCII characters, 5 x 9 pixels: capitals and digits stand in rows
// 0..6, descenders reach to row 8. Anything else is drawn as a box.
inline constexpr int kGlyphColumns = 5;
inline constexpr int kGlyphRows = 9;
inline constexpr int kGlyphAdvance = 6;
inline constexpr int kCapitalRows = 7;

struct Glyph {
  std::array<std::uint8_t, kGlyphRows> rows{};  // bit c is column c

  bool has_ink(int column, int row) const {
    return column >= 0 && column < kGlyphColumns && row >= 0 && row < kGlyphRows &&
           ((rows[row] >> column) & 1) != 0;
  }
};

const Glyph& glyph_of(char32_t character);

// The next character of UTF-8 text, removed from its front; bytes that are not UTF-8 come one at a
// time as U+FFFD.
char32_t take_character(std::string_view& text);

template <class Visit>
void for_each_glyph(std::string_view text, const Visit& visit) {
  while (!text.empty()) {
    visit(glyph_of(take_character(text)));
  }
}

// Pixels that a line of text takes at a scale.
int text_width(std::string_view text, int scale);
inline int text_height(int scale) {
  return kCapitalRows * scale;
}

}  // namespace vggroove::plot

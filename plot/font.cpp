#include "plot/font.h"

#include <cstddef>

namespace vggroove::plot {
namespace {

constexpr int kGlyphsPerLine = 16;
constexpr int kLines = 6;
constexpr char32_t kFirstCharacter = U' ';
constexpr char32_t kBox = 0x7f;

// The font as one sees it: 6 lines of 16 glyphs, in the order of ASCII.
// clang-format off
constexpr const char* kPicture[kLines * kGlyphRows] = {
  "        #    # #   # #    #   ##  #  ##     #      #   #                                      #",
  "        #    # #   # #   #### ##  # #  #    #     #     #     #     #                         #",
  "        #    # #  ##### # #      #  # #    #     #       #  # # #   #                        # ",
  "        #          # #   ###    #    #           #       #   ###  #####       #####         #  ",
  "        #         #####   # #  #    # # #        #       #  # # #   #                      #   ",
  "                   # #  ####  #  ## #  #          #     #     #     #     ##         ##   #    ",
  "        #          # #    #   #  ##  ## #          #   #                  #          ##   #    ",
  "                                                                         #                     ",
  "                                                                                               ",
  "  #     #    ###   ###     #  #####   ##  #####  ###   ###                  #       #      ### ",
  " # #   ##   #   # #   #   ##  #      #        # #   # #   #  ##    ##      #         #    #   #",
  "#   #   #       #     #  # #  ####  #        #  #   # #   #  ##    ##     #   #####   #       #",
  "#   #   #      #    ##  #  #      # ####    #    ###   ####              #             #     # ",
  "#   #   #     #       # #####     # #   #   #   #   #     #  ##    ##     #   #####   #     #  ",
  " # #    #    #    #   #    #  #   # #   #   #   #   #    #   ##    ##      #         #         ",
  "  #    ###  #####  ###     #   ###   ###    #    ###   ##           #       #       #       #  ",
  "                                                                   #                           ",
  "                                                                                               ",
  " ###   ###  ####   ###  ####  ##### #####  ###  #   #  ###    ### #   # #     #   # #   #  ### ",
  "#   # #   # #   # #   # #   # #     #     #   # #   #   #      #  #  #  #     ## ## ##  # #   #",
  "# ### #   # #   # #     #   # #     #     #     #   #   #      #  # #   #     # # # ##  # #   #",
  "# # # ##### ####  #     #   # ####  ####  # ### #####   #      #  ##    #     # # # # # # #   #",
  "# ### #   # #   # #     #   # #     #     #   # #   #   #      #  # #   #     #   # #  ## #   #",
  "#     #   # #   # #   # #   # #     #     #   # #   #   #   #  #  #  #  #     #   # #  ## #   #",
  " ###  #   # ####   ###  ####  ##### #      #### #   #  ###   ##   #   # ##### #   # #   #  ### ",
  "                                                                                               ",
  "                                                                                               ",
  "####   ###  ####   #### ##### #   # #   # #   # #   # #   # #####  ###  #      ###    #        ",
  "#   # #   # #   # #       #   #   # #   # #   # #   # #   #     #  #    #        #   # #       ",
  "#   # #   # #   # #       #   #   # #   # #   #  # #   # #     #   #     #       #  #   #      ",
  "####  #   # ####   ###    #   #   # #   # # # #   #     #     #    #      #      #             ",
  "#     # # # # #       #   #   #   #  # #  # # #  # #    #    #     #       #     #             ",
  "#     #  #  #  #      #   #   #   #  # #  ## ## #   #   #   #      #        #    #             ",
  "#      ## # #   # ####    #    ###    #   #   # #   #   #   #####  ###      #  ###             ",
  "                                                                                          #####",
  "                                                                                               ",
  " #          #               #         ##        #       #      #  #      ##                    ",
  "  #         #               #        #  #       #                 #       #                    ",
  "   #   ###  ####   ###   ####  ###   #     #### # ##   ##     ##  #  #    #   ## #  # ##   ### ",
  "          # #   # #   # #   # #   # ####  #   # ##  #   #      #  # #     #   # # # ##  # #   #",
  "       #### #   # #     #   # #####  #    #   # #   #   #      #  ##      #   # # # #   # #   #",
  "      #   # #   # #   # #   # #      #    #   # #   #   #      #  # #     #   # # # #   # #   #",
  "       #### ####   ###   ####  ###   #     #### #   #  ###     #  #  #   ###  # # # #   #  ### ",
  "                                              #             #  #                               ",
  "                                           ###               ##                                ",
  "                         #                                          ##    #    ##         #####",
  "                         #                                         #      #      #        #   #",
  "####   #### # ##   #### ####  #   # #   # #   # #   # #   # #####  #      #      #   #    #   #",
  "#   # #   # ##  # #      #    #   # #   # # # #  # #  #   #    #  ##      #      ## # # # #   #",
  "#   # #   # #      ###   #    #   # #   # # # #   #   #   #   #    #      #      #     #  #   #",
  "#   # #   # #         #  #  # #  ##  # #  # # #  # #  #   #  #     #      #      #        #   #",
  "####   #### #     ####    ##   ## #   #    # #  #   #  #### #####   ##    #    ##         #####",
  "#         #                                               #                                    ",
  "#         #                                            ###                                     ",
};
// clang-format on

using Font = std::array<Glyph, kLines * kGlyphsPerLine>;

Font read_picture() {
  Font font;
  for (int index = 0; index < kLines * kGlyphsPerLine; ++index) {
    const int line = index / kGlyphsPerLine, place = index % kGlyphsPerLine;
    for (int row = 0; row < kGlyphRows; ++row) {
      const char* pixels = kPicture[line * kGlyphRows + row] + place * (kGlyphColumns + 1);
      for (int column = 0; column < kGlyphColumns; ++column) {
        if (pixels[column] == '#') {
          font[index].rows[row] |= static_cast<std::uint8_t>(1 << column);
        }
      }
    }
  }
  return font;
}

}  // namespace

const Glyph& glyph_of(char32_t character) {
  static const Font font = read_picture();
  const bool known = character >= kFirstCharacter && character < kBox;
  return font[(known ? character : kBox) - kFirstCharacter];
}

char32_t take_character(std::string_view& text) {
  const auto byte = [&](std::size_t i) { return static_cast<unsigned char>(text[i]); };
  const unsigned first = byte(0);
  const std::size_t length = first < 0x80             ? 1
                             : (first & 0xe0) == 0xc0 ? 2
                             : (first & 0xf0) == 0xe0 ? 3
                             : (first & 0xf8) == 0xf0 ? 4
                                                      : 0;
  bool valid = length > 0 && length <= text.size();
  char32_t character = length == 1 ? first : first & (0x7fu >> length);
  for (std::size_t i = 1; valid && i < length; ++i) {
    valid = (byte(i) & 0xc0) == 0x80;
    character = character << 6 | (byte(i) & 0x3fu);
  }
  text.remove_prefix(valid ? length : 1);
  return valid ? character : U'\ufffd';
}

int text_width(std::string_view text, int scale) {
  int num_glyphs = 0;
  for_each_glyph(text, [&](const Glyph&) { ++num_glyphs; });
  return num_glyphs == 0 ? 0 : ((num_glyphs - 1) * kGlyphAdvance + kGlyphColumns) * scale;
}

}  // namespace vggroove::plot

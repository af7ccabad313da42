#pragma once

#include <algorithm>
#include <span>
#include <string>
#include <string_view>

#include "plot/canvas.h"
#include "plot/font.h"

namespace vggroove::plot {

// Sizes that all charts share, in pixels (scales: pixels per font pixel).
inline constexpr int kTextScale = 2;
inline constexpr int kTitleScale = 3;
inline constexpr int kMargin = 20;
inline constexpr int kGap = 8;
inline constexpr int kTickLength = 5;
inline constexpr int kLineHeight = (kGlyphRows + 2) * kTextScale;
inline constexpr int kTitleHeight = (kGlyphRows + 3) * kTitleScale;

inline constexpr int kMaxLabelCharacters = 18;

// A text as it is drawn: cut where it is longer than max_characters (at least 2).
inline std::string shortened(const std::string& text, int max_characters = kMaxLabelCharacters) {
  std::string_view rest = text;
  for (int i = 0; i < max_characters - 2 && !rest.empty(); ++i) {
    take_character(rest);
  }
  const std::string_view start = std::string_view(text).substr(0, text.size() - rest.size());
  for (int i = 0; i < 2 && !rest.empty(); ++i) {
    take_character(rest);
  }
  return rest.empty() ? text : std::string(start) + "..";
}

inline int title_height(const std::string& title) {
  return title.empty() ? 0 : kTitleHeight;
}

inline int captions_height(std::span<const std::string> captions) {
  return captions.empty() ? 0 : kGap + static_cast<int>(captions.size()) * kLineHeight;
}

inline int widest(std::span<const std::string> texts, int scale) {
  int width = 0;
  for (const std::string& text : texts) {
    width = std::max(width, text_width(text, scale));
  }
  return width;
}

// Width of a picture whose drawing needs `width`, so that its title and captions fit too.
inline int picture_width(int width, const std::string& title,
                         std::span<const std::string> captions) {
  return std::max({width, 2 * kMargin + text_width(title, kTitleScale),
                   2 * kMargin + widest(captions, kTextScale)});
}

inline void draw_captions(Canvas& canvas, std::span<const std::string> captions) {
  int y = canvas.height() - kMargin - static_cast<int>(captions.size()) * kLineHeight + kGap;
  for (const std::string& caption : captions) {
    canvas.text(kMargin, y, caption, kTextScale, kPaleInk);
    y += kLineHeight;
  }
}

}  // namespace vggroove::plot

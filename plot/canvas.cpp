#include "plot/canvas.h"

#include <algorithm>
#include <cmath>

#include "plot/font.h"

namespace vggroove::plot {
namespace {

// How much of output pixel (x, y) of a glyph at this scale is ink, 0..1. The bitmap is interpolated
// and cut at one half, which keeps straight strokes sharp and rounds the corners.
double glyph_coverage(const Glyph& glyph, int x, int y, int scale) {
  const double u = (x + 0.5) / scale - 0.5, v = (y + 0.5) / scale - 0.5;
  const int column = static_cast<int>(std::floor(u)), row = static_cast<int>(std::floor(v));
  const double right = u - column, lower = v - row;
  const double ink = (1 - lower) * ((1 - right) * glyph.has_ink(column, row) +
                                    right * glyph.has_ink(column + 1, row)) +
                     lower * ((1 - right) * glyph.has_ink(column, row + 1) +
                              right * glyph.has_ink(column + 1, row + 1));
  return std::clamp((ink - 0.5) * 2 * scale + 0.5, 0.0, 1.0);
}

// Calls draw(x, y, coverage) for the pixels of a text, x from its start, y from its top.
template <class Draw>
void rasterise(std::string_view words, int scale, const Draw& draw) {
  int start = 0;
  for_each_glyph(words, [&](const Glyph& glyph) {
    for (int y = 0; y < kGlyphRows * scale; ++y) {
      for (int x = 0; x < kGlyphColumns * scale; ++x) {
        if (const double coverage = glyph_coverage(glyph, x, y, scale); coverage > 0) {
          draw(start + x, y, coverage);
        }
      }
    }
    start += kGlyphAdvance * scale;
  });
}

int aligned_start(std::string_view words, int scale, Align align) {
  const int width = text_width(words, scale);
  return align == Align::kLeft ? 0 : align == Align::kCentre ? width / 2 : width;
}

}  // namespace

Canvas::Canvas(int width, int height, Colour background)
    : width_(width),
      height_(height),
      pixels_(static_cast<std::size_t>(width) * static_cast<std::size_t>(height), background) {}

Colour Canvas::at(int x, int y) const {
  return pixels_.at(static_cast<std::size_t>(y) * width_ + x);
}

void Canvas::set(int x, int y, Colour colour) {
  fill(x, y, 1, 1, colour);
}

void Canvas::fill(int x, int y, int width, int height, Colour colour) {
  const int left = std::max(x, 0), right = std::min(x + width, width_);
  for (int row = std::max(y, 0); row < std::min(y + height, height_) && left < right; ++row) {
    std::fill_n(pixels_.begin() + static_cast<std::ptrdiff_t>(row) * width_ + left, right - left,
                colour);
  }
}

void Canvas::frame(int x, int y, int width, int height, Colour colour) {
  fill(x, y, width, 1, colour);
  fill(x, y + height - 1, width, 1, colour);
  fill(x, y, 1, height, colour);
  fill(x + width - 1, y, 1, height, colour);
}

void Canvas::paste(const Canvas& picture, int x, int y) {
  for (int row = 0; row < picture.height(); ++row) {
    for (int column = 0; column < picture.width(); ++column) {
      set(x + column, y + row, picture.at(column, row));
    }
  }
}

void Canvas::blend(int x, int y, Colour colour, double coverage) {
  if (x < 0 || x >= width_ || y < 0 || y >= height_) {
    return;
  }
  Colour& pixel = pixels_[static_cast<std::size_t>(y) * width_ + x];
  const auto mix = [coverage](std::uint8_t below, std::uint8_t above) {
    return static_cast<std::uint8_t>(std::lround(below + coverage * (above - below)));
  };
  pixel = {mix(pixel.red, colour.red), mix(pixel.green, colour.green),
           mix(pixel.blue, colour.blue)};
}

void Canvas::stroke(double x0, double y0, double x1, double y1, double width, Colour colour) {
  const double reach = width / 2 + 1;
  const auto first = [reach](double a, double b) {
    return std::max(0, static_cast<int>(std::floor(std::max(0.0, std::min(a, b) - reach))));
  };
  const auto last = [reach](double a, double b, int size) {
    return static_cast<int>(std::min<double>(size, std::max(a, b) + reach));
  };
  const double dx = x1 - x0, dy = y1 - y0, squared = dx * dx + dy * dy;
  for (int y = first(y0, y1); y < last(y0, y1, height_); ++y) {
    for (int x = first(x0, x1); x < last(x0, x1, width_); ++x) {
      const double px = x + 0.5 - x0, py = y + 0.5 - y0;
      const double along = squared > 0 ? std::clamp((px * dx + py * dy) / squared, 0.0, 1.0) : 0;
      const double distance = std::hypot(px - along * dx, py - along * dy);
      blend(x, y, colour, std::clamp(width / 2 + 0.5 - distance, 0.0, 1.0));
    }
  }
}

void Canvas::text(int x, int y, std::string_view words, int scale, Colour colour, Align align) {
  const int start = x - aligned_start(words, scale, align);
  rasterise(words, scale, [&](int along, int across, double coverage) {
    blend(start + along, y + across, colour, coverage);
  });
}

void Canvas::text_upward(int x, int y, std::string_view words, int scale, Colour colour,
                         Align align) {
  const int start = y + aligned_start(words, scale, align);
  rasterise(words, scale, [&](int along, int across, double coverage) {
    blend(x + across, start - along, colour, coverage);
  });
}

}  // namespace vggroove::plot

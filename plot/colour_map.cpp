#include "plot/colour_map.h"

#include <algorithm>
#include <array>
#include <cmath>
#include <numbers>

namespace vggroove::plot {
namespace {

constexpr int kSteps = 256;
using Table = std::array<Colour, kSteps>;

constexpr Colour kNotANumber{160, 160, 160};

// A colour in Oklab, by lightness, chroma and hue.
struct Perceived {
  double lightness, chroma, hue_degrees;
};

Colour to_srgb(const Perceived& colour) {
  const double hue = colour.hue_degrees * std::numbers::pi / 180;
  const double a = colour.chroma * std::cos(hue), b = colour.chroma * std::sin(hue);
  const auto cube = [](double x) { return x * x * x; };
  const double l = cube(colour.lightness + 0.3963377774 * a + 0.2158037573 * b);
  const double m = cube(colour.lightness - 0.1055613458 * a - 0.0638541728 * b);
  const double s = cube(colour.lightness - 0.0894841775 * a - 1.2914855480 * b);
  const auto encode = [](double linear) {
    const double x = std::clamp(linear, 0.0, 1.0);
    const double value = x <= 0.0031308 ? 12.92 * x : 1.055 * std::pow(x, 1 / 2.4) - 0.055;
    return static_cast<std::uint8_t>(std::lround(255 * value));
  };
  return {encode(4.0767416621 * l - 3.3077115913 * m + 0.2309699292 * s),
          encode(-1.2684380046 * l + 2.6097574011 * m - 0.3413193965 * s),
          encode(-0.0041960863 * l - 0.7034186147 * m + 1.7076147010 * s)};
}

template <std::size_t kStops>
Table interpolate(const std::array<Perceived, kStops>& stops) {
  Table table;
  for (int i = 0; i < kSteps; ++i) {
    const double position = static_cast<double>(i) / (kSteps - 1) * (kStops - 1);
    const std::size_t stop = std::min(static_cast<std::size_t>(position), kStops - 2);
    const double t = position - static_cast<double>(stop);
    const Perceived &from = stops[stop], &to = stops[stop + 1];
    table[i] = to_srgb({from.lightness + t * (to.lightness - from.lightness),
                        from.chroma + t * (to.chroma - from.chroma),
                        from.hue_degrees + t * (to.hue_degrees - from.hue_degrees)});
  }
  return table;
}

Colour look_up(const Table& table, double fraction) {
  return table[static_cast<std::size_t>(
      std::lround(std::clamp(fraction, 0.0, 1.0) * (kSteps - 1)))];
}

}  // namespace

Colour map_colour(double fraction) {
  // Chroma as large as the screen's colours allow at each hue.
  static const Table table = interpolate(std::array<Perceived, 5>{{{0.22, 0.10, 300},
                                                                   {0.40, 0.11, 270},
                                                                   {0.58, 0.085, 205},
                                                                   {0.76, 0.13, 150},
                                                                   {0.94, 0.16, 106}}});
  return std::isnan(fraction) ? kNotANumber : look_up(table, fraction);
}

Colour share_colour(double fraction) {
  static const Table table = interpolate(
      std::array<Perceived, 3>{{{1.00, 0.00, 240}, {0.72, 0.11, 245}, {0.38, 0.12, 258}}});
  return std::isnan(fraction) ? kNotANumber : look_up(table, fraction);
}

Colour ink_on(Colour background) {
  const double luma = 0.299 * background.red + 0.587 * background.green + 0.114 * background.blue;
  return luma > 150 ? kInk : kWhite;
}

}  // namespace vggroove::plot

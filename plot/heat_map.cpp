#include <cmath>
#include <limits>

#include "plot/charts.h"
#include "plot/colour_map.h"
#include "plot/layout.h"

namespace vggroove::plot {
namespace {

constexpr int kPlotWidth = 960;
constexpr int kPlotHeight = 384;  // at least; a whole number of pixels per row
constexpr int kBarWidth = 18;
constexpr int kMaxBarTicks = 8;

struct Range {
  double low = 0, high = 1;
  double fraction(double value) const { return (value - low) / (high - low); }
};

Range range_of(std::span<const float> values) {
  double low = std::numeric_limits<double>::infinity(), high = -low;
  for (const float value : values) {
    if (std::isfinite(value)) {
      low = std::min<double>(low, value);
      high = std::max<double>(high, value);
    }
  }
  if (!(low <= high)) {
    return {};
  }
  return low < high ? Range{low, high} : Range{low - 0.5, high + 0.5};
}

int widest_tick(std::span<const Tick> ticks) {
  int width = 0;
  for (const Tick& tick : ticks) {
    width = std::max(width, text_width(tick.text, kTextScale));
  }
  return width;
}

// Mean of a row over the columns that one pixel column of `width` shows.
double pixel_value(const HeatMap& map, int x, int width, int row) {
  const std::int64_t first = x * map.num_columns / width;
  const std::int64_t last = std::max(first + 1, (x + 1) * map.num_columns / width);
  double sum = 0;
  for (std::int64_t column = first; column < last; ++column) {
    sum += map.values[static_cast<std::size_t>(column) * map.num_rows + row];
  }
  return sum / static_cast<double>(last - first);
}

struct Box {
  int x, y, width, height;
};

void draw_x_axis(Canvas& canvas, const Box& box, const HeatMap& map) {
  const int bottom = box.y + box.height;
  for (const Tick& tick : map.x_ticks) {
    const int x = box.x + static_cast<int>(std::lround(tick.position * box.width));
    canvas.fill(x, bottom, 1, kTickLength + 1, kInk);
    canvas.text(x, bottom + kTickLength + kGap, tick.text, kTextScale, kInk, Align::kCentre);
  }
  canvas.text(box.x + box.width / 2, bottom + kTickLength + kGap + kLineHeight + kGap / 2,
              map.x_label, kTextScale, kInk, Align::kCentre);
}

void draw_y_axis(Canvas& canvas, const Box& box, const HeatMap& map) {
  for (const Tick& tick : map.y_ticks) {
    const int y = box.y + box.height - static_cast<int>(std::lround(tick.position * box.height));
    canvas.fill(box.x - 1 - kTickLength, y, kTickLength, 1, kInk);
    canvas.text(box.x - kTickLength - kGap, y - text_height(kTextScale) / 2, tick.text, kTextScale,
                kInk, Align::kRight);
  }
  canvas.text_upward(kMargin, box.y + box.height / 2, map.y_label, kTextScale, kInk,
                     Align::kCentre);
}

void draw_colour_bar(Canvas& canvas, const Box& box, const std::vector<Tick>& ticks,
                     const std::string& label) {
  for (int y = 0; y < box.height; ++y) {
    canvas.fill(box.x, box.y + y, box.width, 1,
                map_colour(1 - static_cast<double>(y) / (box.height - 1)));
  }
  canvas.frame(box.x - 1, box.y - 1, box.width + 2, box.height + 2, kInk);
  const int right = box.x + box.width;
  for (const Tick& tick : ticks) {
    const int y = box.y + box.height - static_cast<int>(std::lround(tick.position * box.height));
    canvas.fill(right, y, kTickLength + 1, 1, kInk);
    canvas.text(right + kTickLength + kGap, y - text_height(kTextScale) / 2, tick.text, kTextScale);
  }
  canvas.text_upward(right + kTickLength + 2 * kGap + widest_tick(ticks), box.y + box.height / 2,
                     label, kTextScale, kInk, Align::kCentre);
}

}  // namespace

Canvas heat_map_values(const HeatMap& map, int width, int row_height) {
  const Range range = range_of(map.values);
  const int height = std::max(1, map.num_rows) * row_height;
  Canvas canvas(width, height);
  for (int row = 0; row < map.num_rows && map.num_columns > 0; ++row) {
    const int y = height - (row + 1) * row_height;
    for (int x = 0; x < width; ++x) {
      canvas.fill(x, y, 1, row_height, map_colour(range.fraction(pixel_value(map, x, width, row))));
    }
  }
  return canvas;
}

Canvas heat_map(const HeatMap& map) {
  const Range range = range_of(map.values);
  const std::vector<Tick> bar_ticks = round_ticks(range.low, range.high, kMaxBarTicks);
  const int row_height = std::max(1, (kPlotHeight + map.num_rows - 1) / std::max(1, map.num_rows));
  const Box plot{kMargin + kLineHeight + widest_tick(map.y_ticks) + kGap + kTickLength,
                 kMargin + title_height(map.title), kPlotWidth,
                 std::max(1, map.num_rows) * row_height};
  const Box bar{plot.x + plot.width + 3 * kGap, plot.y, kBarWidth, plot.height};
  const int width =
      bar.x + bar.width + kTickLength + 2 * kGap + widest_tick(bar_ticks) + kLineHeight + kMargin;
  const int height = plot.y + plot.height + kTickLength + kGap + 2 * kLineHeight + kMargin;
  Canvas canvas(width, height);
  const int title_characters = (width - plot.x - kMargin) / (kGlyphAdvance * kTitleScale);
  canvas.text(plot.x, kMargin, shortened(map.title, title_characters), kTitleScale);
  canvas.paste(heat_map_values(map, plot.width, row_height), plot.x, plot.y);
  canvas.frame(plot.x - 1, plot.y - 1, plot.width + 2, plot.height + 2, kInk);
  draw_x_axis(canvas, plot, map);
  draw_y_axis(canvas, plot, map);
  draw_colour_bar(canvas, bar, bar_ticks, map.value_label);
  return canvas;
}

}  // namespace vggroove::plot

#include <fmt/format.h>

#include <cmath>
#include <stdexcept>

#include "plot/charts.h"
#include "plot/layout.h"

namespace vggroove::plot {
namespace {

constexpr int kPlotWidth = 520;
constexpr int kRowHeight = 30;
constexpr int kBarHeight = 20;
constexpr int kMaxTicks = 6;
constexpr Colour kBar{66, 120, 179};

double axis_end(const BarChart& chart) {
  if (chart.full_scale > 0) {
    return chart.full_scale;
  }
  double largest = 0;
  for (const double value : chart.values) {
    if (std::isfinite(value)) {
      largest = std::max(largest, value);
    }
  }
  return largest > 0 ? largest * 1.05 : 1;
}

}  // namespace

Canvas bar_chart(const BarChart& chart) {
  if (chart.labels.empty() || chart.labels.size() != chart.values.size()) {
    throw std::invalid_argument("bar_chart: one value per label, at least one");
  }
  std::vector<std::string> labels, numbers;
  for (std::size_t i = 0; i < chart.labels.size(); ++i) {
    labels.push_back(shortened(chart.labels[i]));
    numbers.push_back(fmt::format("{:.3g}", chart.values[i]));
  }
  const double end = axis_end(chart);
  const int left = kMargin + widest(labels, kTextScale) + kGap;
  const int top = kMargin + title_height(chart.title);
  const int plot_height = kRowHeight * static_cast<int>(labels.size());
  const int width = left + kPlotWidth + kGap + widest(numbers, kTextScale) + kMargin;
  const int height = top + plot_height + kTickLength + kGap + 2 * kLineHeight +
                     captions_height(chart.captions) + kMargin;
  Canvas canvas(picture_width(width, chart.title, chart.captions), height);
  canvas.text(kMargin, kMargin, chart.title, kTitleScale);

  const int bottom = top + plot_height;
  for (const Tick& tick : round_ticks(0, end, kMaxTicks)) {
    const int x = left + static_cast<int>(std::lround(tick.position * kPlotWidth));
    canvas.fill(x, top, 1, plot_height, kRule);
    canvas.fill(x, bottom, 1, kTickLength, kInk);
    canvas.text(x, bottom + kTickLength + kGap, tick.text, kTextScale, kInk, Align::kCentre);
  }
  for (std::size_t i = 0; i < labels.size(); ++i) {
    const int y = top + kRowHeight * static_cast<int>(i);
    const int text_y = y + (kRowHeight - text_height(kTextScale)) / 2;
    const double share =
        std::isnan(chart.values[i]) ? 0 : std::clamp(chart.values[i] / end, 0.0, 1.0);
    const int length = static_cast<int>(std::lround(share * kPlotWidth));
    canvas.fill(left, y + (kRowHeight - kBarHeight) / 2, length, kBarHeight, kBar);
    canvas.text(left - kGap, text_y, labels[i], kTextScale, kInk, Align::kRight);
    canvas.text(left + length + kGap, text_y, numbers[i], kTextScale);
  }
  canvas.fill(left - 1, top, 1, plot_height, kInk);
  canvas.fill(left - 1, bottom, kPlotWidth + 1, 1, kInk);
  canvas.text(left + kPlotWidth / 2, bottom + kTickLength + kGap + kLineHeight, chart.value_label,
              kTextScale, kInk, Align::kCentre);
  draw_captions(canvas, chart.captions);
  return canvas;
}

}  // namespace vggroove::plot

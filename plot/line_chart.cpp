#include <cmath>
#include <stdexcept>

#include "plot/charts.h"
#include "plot/layout.h"

namespace vggroove::plot {
namespace {

constexpr int kPlotWidth = 520, kPlotHeight = 360;
constexpr int kMaxTicks = 8;
constexpr int kKeyLength = 24;  // of a line in the legend
constexpr double kPointWidth = 9;

// Where values lie in the picture of the plot alone.
struct Scale {
  double first, last;
  int pixels;
  double at(double value) const { return (value - first) / (last - first) * pixels; }
};

void draw_series(Canvas& plot, const LineChart::Series& series, const Scale& x, const Scale& y) {
  if (series.x.size() != series.y.size()) {
    throw std::invalid_argument("line_chart: as many x as y");
  }
  bool before = false;
  double last_x = 0, last_y = 0;
  for (std::size_t i = 0; i < series.x.size(); ++i) {
    const double px = x.at(series.x[i]), py = y.pixels - y.at(series.y[i]);
    const bool drawn = std::isfinite(px) && std::isfinite(py);
    if (drawn && before && series.width > 0) {
      plot.stroke(last_x, last_y, px, py, series.width, series.colour);
    }
    if (drawn && series.points) {
      plot.stroke(px, py, px, py, kPointWidth, series.colour);
    }
    before = drawn;
    last_x = px;
    last_y = py;
  }
}

int draw_legend(Canvas& canvas, const LineChart& chart, int x, int y) {
  for (const LineChart::Series& series : chart.series) {
    if (!series.name.empty()) {
      const double middle = y + text_height(kTextScale) / 2.0;
      canvas.stroke(x, middle, x + (series.points ? 0 : kKeyLength), middle,
                    series.points ? kPointWidth : 3, series.colour);
      x += (series.points ? 0 : kKeyLength) + kGap;
      canvas.text(x, y, series.name, kTextScale);
      x += text_width(series.name, kTextScale) + 3 * kGap;
    }
  }
  return x;
}

}  // namespace

Canvas line_chart(const LineChart& chart) {
  const Scale x{chart.x_first, chart.x_last, kPlotWidth};
  const Scale y{chart.y_first, chart.y_last, kPlotHeight};
  Canvas plot(kPlotWidth, kPlotHeight);
  const std::vector<Tick> x_ticks = round_ticks(x.first, x.last, kMaxTicks);
  const std::vector<Tick> y_ticks = round_ticks(y.first, y.last, kMaxTicks);
  int widest_y = 0;
  for (const Tick& tick : y_ticks) {
    widest_y = std::max(widest_y, text_width(tick.text, kTextScale));
    const int row = kPlotHeight - static_cast<int>(std::lround(tick.position * kPlotHeight));
    plot.fill(0, row, kPlotWidth, 1, kRule);
  }
  for (const LineChart::Series& series : chart.series) {
    draw_series(plot, series, x, y);
  }
  const int left = kMargin + kLineHeight + kGap + widest_y + kGap + kTickLength;
  const int top = kMargin + title_height(chart.title) + kLineHeight + kGap;
  const int bottom = top + kPlotHeight;
  Canvas unseen(1, 1);
  const int legend_end = draw_legend(unseen, chart, left, 0);
  const int width = picture_width(std::max(left + kPlotWidth, legend_end) + 2 * kMargin,
                                  chart.title, chart.captions);
  Canvas canvas(width, bottom + kTickLength + kGap + 2 * kLineHeight + kGap +
                           captions_height(chart.captions) + kMargin);
  canvas.text(kMargin, kMargin, chart.title, kTitleScale);
  draw_legend(canvas, chart, left, kMargin + title_height(chart.title));
  canvas.paste(plot, left, top);
  canvas.fill(left - 1, top, 1, kPlotHeight, kInk);
  canvas.fill(left - 1, bottom, kPlotWidth + 1, 1, kInk);
  for (const Tick& tick : x_ticks) {
    const int column = left + static_cast<int>(std::lround(tick.position * kPlotWidth));
    canvas.fill(column, bottom, 1, kTickLength + 1, kInk);
    canvas.text(column, bottom + kTickLength + kGap, tick.text, kTextScale, kInk, Align::kCentre);
  }
  for (const Tick& tick : y_ticks) {
    const int row = bottom - static_cast<int>(std::lround(tick.position * kPlotHeight));
    canvas.fill(left - 1 - kTickLength, row, kTickLength, 1, kInk);
    canvas.text(left - kTickLength - kGap, row - text_height(kTextScale) / 2, tick.text, kTextScale,
                kInk, Align::kRight);
  }
  canvas.text(left + kPlotWidth / 2, bottom + kTickLength + kGap + kLineHeight, chart.x_label,
              kTextScale, kInk, Align::kCentre);
  canvas.text_upward(kMargin, top + kPlotHeight / 2, chart.y_label, kTextScale, kInk,
                     Align::kCentre);
  draw_captions(canvas, chart.captions);
  return canvas;
}

}  // namespace vggroove::plot

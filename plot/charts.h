#pragma once

#include <cstdint>
#include <span>
#include <string>
#include <vector>

#include "plot/canvas.h"
#include "plot/ticks.h"

namespace vggroove::plot {

// The charts of the program. Each returns a finished picture on white, as large as it needs to be;
// write_png() (png_file.h) stores it.

// A matrix as colours: time to the right, row 0 at the bottom. Matrices wider than the picture are
// averaged, so that nothing is skipped. Values that are not finite are grey. A title that is too
// long is cut.
struct HeatMap {
  std::span<const float> values;  // [num_columns, num_rows] row-major: one column of the picture
  std::int64_t num_columns = 0;   // after another, as log-mel frames come
  int num_rows = 0;
  std::string title, x_label, y_label, value_label;
  std::vector<Tick> x_ticks, y_ticks;
};
Canvas heat_map(const HeatMap& map);
// The colours alone, without axes or texts: `width` pixels by map.num_rows * row_height.
Canvas heat_map_values(const HeatMap& map, int width, int row_height);

// Counts in cells, coloured by their share of the row (so that small classes can be read too).
// Label texts are cut at 18 characters. Captions are lines below the picture.
struct ConfusionMatrix {
  std::span<const std::string> labels;   // [K], K >= 1
  std::span<const std::int64_t> counts;  // [K, K] row = truth, column = prediction
  std::string title;
  std::vector<std::string> captions;
};
Canvas confusion_matrix(const ConfusionMatrix& matrix);

// One horizontal bar per label from 0 to its value (>= 0; others are drawn as 0 with their number),
// in the order given.
struct BarChart {
  std::span<const std::string> labels;  // [n], n >= 1
  std::span<const double> values;       // [n]
  std::string title, value_label;
  double full_scale = 0;  // end of the value axis; 0: the largest value, rounded up
  std::vector<std::string> captions;
};
Canvas bar_chart(const BarChart& chart);

// Lines and points over two axes, which start and end at the given values; what lies outside is cut
// off.
struct LineChart {
  struct Series {
    std::string name;          // in the legend; empty: not there
    std::vector<double> x, y;  // [n]; the line is broken where one is not finite
    Colour colour = kInk;
    double width = 2;     // of the line; 0: none
    bool points = false;  // a dot at every point
  };
  std::vector<Series> series;  // drawn in this order
  double x_first = 0, x_last = 1, y_first = 0, y_last = 1;
  std::string title, x_label, y_label;
  std::vector<std::string> captions;
};
Canvas line_chart(const LineChart& chart);

// Pictures in a row, tops aligned, with a title above and captions below all of them.
Canvas side_by_side(std::span<const Canvas> panels, const std::string& title,
                    std::span<const std::string> captions);

}  // namespace vggroove::plot

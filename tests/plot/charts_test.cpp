#include "plot/charts.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <limits>
#include <stdexcept>
#include <string>
#include <vector>

#include "plot/colour_map.h"

namespace vggroove::plot {
namespace {

long count(const Canvas& canvas, Colour colour) {
  return std::count(canvas.pixels().begin(), canvas.pixels().end(), colour);
}

std::vector<std::string> texts(const std::vector<Tick>& ticks) {
  std::vector<std::string> result;
  for (const Tick& tick : ticks) {
    result.push_back(tick.text);
  }
  return result;
}

TEST(RoundTicks, are_round_and_within_the_axis) {
  EXPECT_EQ(texts(round_ticks(0, 30, 10)),
            (std::vector<std::string>{"0", "5", "10", "15", "20", "25", "30"}));
  EXPECT_EQ(texts(round_ticks(-0.3, 0.35, 7)),
            (std::vector<std::string>{"-0.3", "-0.2", "-0.1", "0.0", "0.1", "0.2", "0.3"}));
  EXPECT_EQ(texts(round_ticks(0, 0.96, 5)),
            (std::vector<std::string>{"0.0", "0.2", "0.4", "0.6", "0.8"}));
  const auto ticks = round_ticks(10, 20, 2);
  ASSERT_EQ(texts(ticks), (std::vector<std::string>{"10", "15", "20"}));
  EXPECT_DOUBLE_EQ(ticks[1].position, 0.5);
}

TEST(RoundTicks, of_an_empty_or_endless_axis_are_none) {
  EXPECT_TRUE(round_ticks(1, 1, 5).empty());
  EXPECT_TRUE(round_ticks(2, 1, 5).empty());
  EXPECT_TRUE(round_ticks(0, std::numeric_limits<double>::infinity(), 5).empty());
  EXPECT_TRUE(round_ticks(std::nan(""), 1, 5).empty());
}

// The colours inside of the frame, by scanning the middle of the picture from the left: the first
// run of pixels that are neither white nor ink.
Colour corner_of_plot(const Canvas& canvas, bool top) {
  const int middle = canvas.width() / 2;
  std::vector<int> inside;
  for (int y = 0; y < canvas.height(); ++y) {
    const Colour colour = canvas.at(middle, y);
    if (colour != kWhite && colour != kInk) {
      inside.push_back(y);
    }
  }
  return inside.empty() ? kWhite : canvas.at(middle, top ? inside.front() : inside.back());
}

TEST(HeatMap, puts_row_0_at_the_bottom_and_spans_the_colours) {
  std::vector<float> values;
  for (int column = 0; column < 5; ++column) {
    for (int row = 0; row < 64; ++row) {
      values.push_back(static_cast<float>(row));
    }
  }
  HeatMap map;
  map.values = values;
  map.num_columns = 5;
  map.num_rows = 64;
  const Canvas canvas = heat_map(map);
  EXPECT_EQ(corner_of_plot(canvas, true), map_colour(1));
  EXPECT_EQ(corner_of_plot(canvas, false), map_colour(0));
}

TEST(HeatMap, averages_the_columns_that_share_a_pixel) {
  std::vector<float> values(4000);  // one row; every second value is 2
  for (std::size_t i = 0; i < values.size(); i += 2) {
    values[i] = 2;
  }
  HeatMap map;
  map.values = values;
  map.num_columns = static_cast<std::int64_t>(values.size());
  map.num_rows = 1;
  // Four or five columns share a pixel: means between 0.8 and 1.2, never 0 or 2.
  const Colour centre = corner_of_plot(heat_map(map), true);
  EXPECT_TRUE(centre == map_colour(0.5) || centre == map_colour(0.4) || centre == map_colour(0.6));
}

TEST(HeatMap, takes_constant_empty_and_unfinite_values) {
  HeatMap map;
  map.num_rows = 64;
  EXPECT_GT(heat_map(map).width(), 0);
  std::vector<float> values(3 * 64, -4.6f);
  map.values = values;
  map.num_columns = 3;
  EXPECT_EQ(corner_of_plot(heat_map(map), true), map_colour(0.5));
  values.assign(values.size(), std::nanf(""));
  EXPECT_EQ(corner_of_plot(heat_map(map), true), map_colour(std::nan("")));
  values[0] = 1;
  values[1] = std::numeric_limits<float>::infinity();
  EXPECT_GT(heat_map(map).width(), 0);
}

TEST(HeatMap, cuts_a_title_that_is_too_long) {
  HeatMap map;
  const int width = heat_map(map).width();
  map.title = std::string(500, 'x');
  EXPECT_EQ(heat_map(map).width(), width);
}

TEST(ConfusionMatrix, colours_cells_by_their_share_of_the_row) {
  const std::vector<std::string> labels{"jazz", "rock"};
  const std::vector<std::int64_t> counts{3, 1, 0, 1000};
  const Canvas canvas = confusion_matrix({labels, counts, "two", {"a caption"}});
  const long cell_pixels = 76 * 76;  // the largest cell; numbers and lines take a part of it
  EXPECT_GT(count(canvas, share_colour(0.75)), cell_pixels / 2);
  EXPECT_GT(count(canvas, share_colour(0.25)), cell_pixels / 2);
  EXPECT_GT(count(canvas, share_colour(1.0)), cell_pixels / 2);
}

TEST(ConfusionMatrix, takes_one_class_many_classes_and_rows_without_clips) {
  const std::vector<std::string> one{"only"};
  const std::vector<std::int64_t> none{0};
  EXPECT_GT(confusion_matrix({one, none, "", {}}).width(), 0);
  std::vector<std::string> many(60, std::string(100, 'g'));
  std::vector<std::int64_t> counts(60 * 60, 123456);
  const Canvas canvas = confusion_matrix({many, counts, "many", {}});
  EXPECT_LT(canvas.width(), 60 * 100 + 400) << "long labels are cut";
}

TEST(ConfusionMatrix, refuses_counts_of_another_size) {
  const std::vector<std::string> labels{"a", "b"};
  const std::vector<std::int64_t> counts{1, 2, 3};
  EXPECT_THROW(confusion_matrix({labels, counts, "", {}}), std::invalid_argument);
}

TEST(ConfusionMatrix, is_wide_enough_for_its_title_and_captions) {
  const std::vector<std::string> labels{"a"};
  const std::vector<std::int64_t> counts{1};
  const Canvas canvas = confusion_matrix({labels, counts, "t", {std::string(200, 'c')}});
  EXPECT_GT(canvas.width(), 200 * 6 * 2);
}

TEST(BarChart, draws_bars_in_proportion) {
  const std::vector<std::string> labels{"jazz", "rock", "pop", "odd"};
  const std::vector<double> values{0.25, 0.5, 0, std::nan("")};
  BarChart chart;
  chart.labels = labels;
  chart.values = values;
  chart.full_scale = 1;
  const Canvas canvas = bar_chart(chart);
  // The bars have the only saturated blue of the picture.
  std::vector<int> lengths;
  for (int y = 0; y < canvas.height(); ++y) {
    int length = 0;
    for (int x = 0; x < canvas.width(); ++x) {
      const Colour colour = canvas.at(x, y);
      length += colour.blue > colour.red + 80;
    }
    if (length > 0 && (lengths.empty() || lengths.back() != length)) {
      lengths.push_back(length);
    }
  }
  EXPECT_EQ(lengths, (std::vector<int>{130, 260}));
}

TEST(SideBySide, keeps_the_panels_and_adds_title_and_captions) {
  constexpr Colour kRed{255, 0, 0}, kBlue{0, 0, 255};
  const std::vector<Canvas> panels{Canvas(100, 50, kRed), Canvas(60, 80, kBlue)};
  const std::vector<std::string> captions{"caption"};
  const Canvas bare = side_by_side(panels, "", {});
  EXPECT_EQ(bare.width(), 160);
  EXPECT_EQ(bare.height(), 80);
  EXPECT_EQ(count(bare, kRed), 100 * 50);
  EXPECT_EQ(count(bare, kBlue), 60 * 80);
  const Canvas full = side_by_side(panels, "title", captions);
  EXPECT_EQ(count(full, kRed), 100 * 50);
  EXPECT_EQ(count(full, kBlue), 60 * 80);
  EXPECT_GT(full.height(), 80 + 30);
}

// Rows of the picture, from the top, that hold a colour in this column.
std::vector<int> rows_of(const Canvas& canvas, int column, Colour colour) {
  std::vector<int> rows;
  for (int y = 0; y < canvas.height(); ++y) {
    if (canvas.at(column, y) == colour) {
      rows.push_back(y);
    }
  }
  return rows;
}

TEST(LineChart, draws_to_scale_and_breaks_where_a_value_is_missing) {
  constexpr Colour kRed{200, 0, 0};
  const double nan = std::nan("");
  LineChart chart;
  chart.series = {{.name = "",
                   .x = {0, 0.25, 0.5, 0.75, 1},
                   .y = {0.5, 0.5, nan, 1.5, 1.5},
                   .colour = kRed,
                   .width = 4}};
  chart.y_last = 2;
  const Canvas canvas = line_chart(chart);
  std::vector<int> columns;
  for (int x = 0; x < canvas.width(); ++x) {
    if (!rows_of(canvas, x, kRed).empty()) {
      columns.push_back(x);
    }
  }
  // From the left end of the plot, 520 pixels wide, to its right end, with a gap of half of it but
  // for the round ends.
  EXPECT_NEAR(columns.back() - columns.front(), 519, 1);
  EXPECT_NEAR(static_cast<double>(columns.size()), 260 + 4, 4);
  const std::vector<int> low = rows_of(canvas, columns.front() + 50, kRed);
  const std::vector<int> high = rows_of(canvas, columns.back() - 50, kRed);
  ASSERT_FALSE(low.empty());
  EXPECT_EQ(low.size(), 4U);
  EXPECT_EQ(low.front() - high.front(), 180);  // half of 360 pixels
  EXPECT_TRUE(rows_of(canvas, (columns.front() + columns.back()) / 2, kRed).empty());
}

TEST(LineChart, names_series_and_draws_points) {
  constexpr Colour kRed{200, 0, 0};
  LineChart chart;
  chart.series = {{.name = "", .x = {0.5}, .y = {0.5}, .colour = kRed, .width = 0, .points = true}};
  const Canvas plain = line_chart(chart);
  const long of_a_point = count(plain, kRed);
  EXPECT_NEAR(static_cast<double>(of_a_point), 3.14 * 4.5 * 4.5, 20);
  chart.series[0].name = "clips";
  EXPECT_EQ(count(line_chart(chart), kRed), 2 * of_a_point);
  chart.series[0].y.clear();
  EXPECT_THROW(line_chart(chart), std::invalid_argument);
}

}  // namespace
}  // namespace vggroove::plot

#include "train/report/svg_charts.h"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <cstddef>
#include <limits>
#include <vector>

#include "plot/ticks.h"
#include "train/report/html_text.h"

namespace vggroove {
namespace {

constexpr int kTop = 10;        // above the plot, for half a letter
constexpr int kTickSpace = 22;  // below it
constexpr int kLabelSpace = 20;
constexpr int kMostTicks = 6;

std::string percent_text(double share) {
  return fmt::format("{:.1f} %", 100 * share);
}

// An x position: a share of the plot's width.
std::string at(double share) {
  return fmt::format("{:.2f}%", 100 * share);
}

// A plot with room for tick labels on its left (a tenth of the width) and below.
std::string chart(const std::string& description, int plot_height, int below,
                  const std::string& content) {
  return fmt::format(
      "<svg class=\"chart\" role=\"img\" aria-label=\"{}\" width=\"100%\" height=\"{}\">"
      "<svg x=\"11%\" y=\"{}\" width=\"86%\" height=\"{}\" overflow=\"visible\">{}</svg></svg>\n",
      html_text(description), kTop + plot_height + below, kTop, plot_height, content);
}

std::string line(const char* kind, const std::string& x1, double y1, const std::string& x2,
                 double y2) {
  return fmt::format("<line class=\"{}\" x1=\"{}\" y1=\"{:.1f}\" x2=\"{}\" y2=\"{:.1f}\"/>", kind,
                     x1, y1, x2, y2);
}

// `kind`: classes; "start", "middle" and "end" say which point of the text x is.
std::string text(const char* kind, const std::string& x, double y, const std::string& words) {
  return fmt::format("<text class=\"{}\" x=\"{}\" y=\"{:.1f}\">{}</text>", kind, x, y,
                     html_text(words));
}

std::string dot(const char* kind, double x, double y, const std::string& title) {
  return fmt::format(
      "<circle class=\"{}\" cx=\"{}\" cy=\"{:.1f}\" r=\"4.5\"><title>{}</title></circle>", kind,
      at(x), y, html_text(title));
}

// Vertical lines and labels at 0, 20, ... 100 %.
std::string percent_axis(int plot_height) {
  std::string svg;
  for (int percent = 0; percent <= 100; percent += 20) {
    const std::string x = at(percent / 100.0);
    svg += line("grid", x, 0, x, plot_height);
    svg += text(percent == 100 ? "tick end" : "tick middle", x, plot_height + 16,
                percent == 100 ? "100 %" : fmt::format("{}", percent));
  }
  return svg;
}

// The scale of a vertical axis: values from low (at the bottom) to high.
struct Scale {
  double low = 0, high = 1;
  int height = 1;
  double y(double value) const { return height * (1 - (value - low) / (high - low)); }
};

std::string horizontal_grid(const Scale& scale, bool percent) {
  std::string svg;
  for (const plot::Tick& tick : plot::round_ticks(scale.low, scale.high, kMostTicks)) {
    const double y = scale.height * (1 - tick.position);
    const double value = scale.low + tick.position * (scale.high - scale.low);
    svg += line("grid", "0", y, "100%", y);
    svg += text("tick end", "-8", y + 4, percent ? fmt::format("{:.0f}", 100 * value) : tick.text);
  }
  return svg;
}

using Series = std::vector<double>;

// A line through values at epochs 1, 2, ...; it breaks where a value is not finite.
std::string series_line(const char* kind, const Series& values, std::size_t num_epochs,
                        const Scale& scale) {
  const double width = num_epochs > 1 ? static_cast<double>(num_epochs - 1) : 1;
  std::string svg, points;
  const auto end_piece = [&] {
    if (!points.empty()) {
      svg +=
          fmt::format("<polyline class=\"{}\" vector-effect=\"non-scaling-stroke\" points=\"{}\"/>",
                      kind, points);
      points.clear();
    }
  };
  for (std::size_t i = 0; i < values.size(); ++i) {
    if (std::isfinite(values[i])) {
      points += fmt::format("{:.1f},{:.1f} ", 1000 * static_cast<double>(i) / width,
                            1000 * scale.y(values[i]) / scale.height);
    } else {
      end_piece();
    }
  }
  end_piece();
  return svg;
}

std::vector<Series> series_of(std::span<const RunReport::Curve> curves,
                              double RunReport::Epoch::*score) {
  std::vector<Series> all;
  for (const RunReport::Curve& curve : curves) {
    Series& values = all.emplace_back();
    for (const RunReport::Epoch& epoch : curve.epochs) {
      values.push_back(epoch.*score);
    }
  }
  return all;
}

// Of the series that go on at an epoch, as long as half of them do.
Series median_of(const std::vector<Series>& all) {
  Series medians;
  for (std::size_t epoch = 0;; ++epoch) {
    std::vector<double> values;
    for (const Series& series : all) {
      if (epoch < series.size() && std::isfinite(series[epoch])) {
        values.push_back(series[epoch]);
      }
    }
    if (values.empty() || 2 * values.size() < all.size()) {
      return medians;
    }
    const auto middle = values.begin() + static_cast<std::ptrdiff_t>(values.size() / 2);
    std::nth_element(values.begin(), middle, values.end());
    medians.push_back(*middle);
  }
}

std::size_t longest(const std::vector<Series>& all) {
  std::size_t num_epochs = 0;
  for (const Series& series : all) {
    num_epochs = std::max(num_epochs, series.size());
  }
  return num_epochs;
}

std::string epoch_axis(std::size_t num_epochs, int plot_height) {
  std::string svg;
  if (num_epochs < 2) {
    svg += text("tick middle", "0", plot_height + 16, "1");
  } else {
    for (const plot::Tick& tick :
         plot::round_ticks(1, static_cast<double>(num_epochs), kMostTicks)) {
      if (tick.text.find('.') == std::string::npos) {
        svg += text("tick middle", at(tick.position), plot_height + 16, tick.text);
      }
    }
  }
  return svg + text("label middle", "50%", plot_height + kTickSpace + 14, "epoch");
}

std::string lines_over_epochs(const std::string& description, const Scale& scale, bool percent,
                              std::size_t num_epochs,
                              std::span<const std::pair<const char*, std::vector<Series>>> groups) {
  std::string thin, thick;
  for (const auto& [kind, all] : groups) {
    if (all.size() > 1) {
      for (const Series& series : all) {
        thin += series_line(fmt::format("thin {}", kind).c_str(), series, num_epochs, scale);
      }
    }
    thick += series_line(fmt::format("thick {}", kind).c_str(), median_of(all), num_epochs, scale);
  }
  return chart(description, scale.height, kTickSpace + kLabelSpace,
               horizontal_grid(scale, percent) + epoch_axis(num_epochs, scale.height) +
                   fmt::format("<svg viewBox=\"0 0 1000 1000\" preserveAspectRatio=\"none\" "
                               "width=\"100%\" height=\"{}\" overflow=\"hidden\">{}{}</svg>",
                               scale.height, thin, thick));
}

}  // namespace

std::string score_strip(std::span<const RunReport::Score> scores, std::size_t num_classes) {
  constexpr int kRow = 46;
  const int plot_height = kRow * static_cast<int>(scores.size());
  const double guessing = 1 / static_cast<double>(num_classes);
  std::string content = percent_axis(plot_height), description = "Accuracy.";
  content += line("guess", at(guessing), 0, at(guessing), plot_height);
  for (std::size_t i = 0; i < scores.size(); ++i) {
    const RunReport::Score& score = scores[i];
    const bool is_last = i + 1 == scores.size();
    const double y = kRow * (static_cast<double>(i) + 0.5) + 6;
    const std::string words =
        fmt::format("{}: {}, 95 % interval {:.1f} to {:.1f} %", score.name,
                    percent_text(score.accuracy), 100 * score.low, 100 * score.high);
    description += " " + words + ".";
    content += fmt::format(
        "<rect class=\"{}\" x=\"{}\" y=\"{:.1f}\" width=\"{}\" height=\"14\" rx=\"7\"/>",
        is_last ? "band" : "band other", at(score.low), y - 7, at(score.high - score.low));
    content += dot(is_last ? "dot" : "dot other", score.accuracy, y, words);
    content += text("label start", "4", y - 14, score.name);
  }
  description += fmt::format(" Guessing gives {}.", percent_text(guessing));
  return fmt::format(
      "<svg class=\"chart\" role=\"img\" aria-label=\"{}\" width=\"100%\" height=\"{}\">"
      "<svg x=\"2%\" y=\"4\" width=\"95%\" height=\"{}\" overflow=\"visible\">{}</svg></svg>\n",
      html_text(description), plot_height + kTickSpace + 4, plot_height, content);
}

std::string fold_chart(std::span<const RunReport::Score> scores) {
  constexpr int kRow = 24;
  const RunReport::Score& shown = scores.back();
  const std::size_t num_folds = shown.fold_accuracies.size();
  const int plot_height = kRow * static_cast<int>(num_folds);
  std::string content = percent_axis(plot_height), description;
  double mean = 0;
  for (const double accuracy : shown.fold_accuracies) {
    mean += accuracy / static_cast<double>(num_folds);
  }
  content += line("mean", at(mean), 0, at(mean), plot_height);
  for (std::size_t fold = 0; fold < num_folds; ++fold) {
    const double y = kRow * (static_cast<double>(fold) + 0.5);
    content += text("tick end", "-8", y + 4, fmt::format("{}", fold + 1));
    content += line("grid", "0", y, "100%", y);
    for (const RunReport::Score& score : scores) {
      if (fold < score.fold_accuracies.size()) {
        const double accuracy = score.fold_accuracies[fold];
        content +=
            dot(&score == &shown ? "dot" : "dot other", accuracy, y,
                fmt::format("{}, fold {}: {}", score.name, fold + 1, percent_text(accuracy)));
      }
    }
    description +=
        fmt::format("{} {}", fold == 0 ? "" : ",", percent_text(shown.fold_accuracies[fold]));
  }
  return chart("Accuracy of each fold:" + description + ".", plot_height, kTickSpace, content);
}

std::string reliability_chart(const Calibration& calibration) {
  constexpr int kPlot = 260, kGap = 34, kBars = 44;
  const Scale scale{0, 1, kPlot};
  std::string content = horizontal_grid(scale, true) + text("label start", "4", 8, "right, %") +
                        line("guess", "0", kPlot, "100%", 0);
  std::int64_t most = 1;
  for (const Calibration::Bin& bin : calibration.bins) {
    most = std::max(most, bin.num_clips);
  }
  const double width = 1 / static_cast<double>(calibration.bins.size());
  std::string dots, bars;
  for (std::size_t b = 0; b < calibration.bins.size(); ++b) {
    const Calibration::Bin& bin = calibration.bins[b];
    if (bin.num_clips == 0) {
      continue;
    }
    const std::string x = at(bin.confidence);
    dots += line("whisker", x, scale.y(bin.accuracy_low), x, scale.y(bin.accuracy_high));
    dots += dot("dot", bin.confidence, scale.y(bin.accuracy),
                fmt::format("{} clips: mean confidence {}, right {}", bin.num_clips,
                            percent_text(bin.confidence), percent_text(bin.accuracy)));
    const double height = kBars * static_cast<double>(bin.num_clips) / static_cast<double>(most);
    const double left = static_cast<double>(b) * width, bottom = kPlot + kGap + kBars;
    bars +=
        fmt::format("<rect class=\"bar\" x=\"{}\" y=\"{:.1f}\" width=\"{}\" height=\"{:.1f}\"/>",
                    at(left + 0.1 * width), bottom - height, at(0.8 * width), height);
    bars += text("tick middle", at(left + width / 2), bottom - height - 4,
                 fmt::format("{}", bin.num_clips));
  }
  const double bottom = kPlot + kGap + kBars;
  bars += line("axis", "0", bottom, "100%", bottom);
  for (int percent = 0; percent <= 100; percent += 20) {
    bars += text(percent == 100 ? "tick end" : "tick middle", at(percent / 100.0), bottom + 16,
                 percent == 100 ? "100 %" : fmt::format("{}", percent));
  }
  bars += text("label middle", "50%", bottom + kTickSpace + 14,
               "probability of the prediction; bars: number of clips");
  return chart(fmt::format("Reliability diagram; expected calibration error {:.3f}.",
                           calibration.expected_error),
               kPlot, kGap + kBars + kTickSpace + kLabelSpace, content + dots + bars);
}

std::string loss_chart(std::span<const RunReport::Curve> curves) {
  const std::pair<const char*, std::vector<Series>> groups[] = {
      {"training", series_of(curves, &RunReport::Epoch::train_loss)},
      {"validation", series_of(curves, &RunReport::Epoch::validation_loss)}};
  // The first epochs' losses, and single curves that leave the ground, would flatten the rest.
  Scale scale{0, 0, 220};
  for (const auto& [kind, all] : groups) {
    for (const double value : median_of(all)) {
      scale.high = std::max(scale.high, 1.15 * value);
    }
  }
  scale.high = scale.high > 0 ? scale.high : 1;
  return lines_over_epochs("Training and validation loss by epoch.", scale, false,
                           longest(groups[0].second), groups);
}

std::string validation_accuracy_chart(std::span<const RunReport::Curve> curves) {
  const std::pair<const char*, std::vector<Series>> groups[] = {
      {"validation", series_of(curves, &RunReport::Epoch::validation_accuracy)}};
  return lines_over_epochs("Validation accuracy by epoch, in per cent.", {0, 1, 220}, true,
                           longest(groups[0].second), groups);
}

}  // namespace vggroove

#include "cli/report_pictures.h"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <cstddef>
#include <string>
#include <system_error>
#include <utility>

#include "base/error.h"
#include "cli/metrics_table.h"
#include "plot/charts.h"
#include "plot/png_file.h"
#include "train/calibration.h"
#include "train/metrics.h"

namespace vggroove::cli {
namespace fs = std::filesystem;

namespace {

using plot::LineChart;

constexpr plot::Colour kTraining{143, 152, 161};
constexpr plot::Colour kValidation{66, 120, 179};

void draw_scores(const RunReport& report, const Metrics& metrics, const fs::path& folder) {
  const std::vector<std::string> captions = {"accuracy " + accuracy_text(metrics)};
  plot::write_png(folder / "confusion.png", plot::confusion_matrix({.labels = report.labels,
                                                                    .counts = metrics.confusion,
                                                                    .title = report.title,
                                                                    .captions = captions}));
  std::vector<double> f1;
  for (const Metrics::PerClass& scores : metrics.per_class) {
    f1.push_back(scores.f1);
  }
  plot::write_png(folder / "f1.png", plot::bar_chart({.labels = report.labels,
                                                      .values = f1,
                                                      .title = report.title,
                                                      .value_label = "F1",
                                                      .full_scale = 1,
                                                      .captions = captions}));
}

// Whether the classifier is right as often as it says: a dot per bin, with its interval.
void draw_calibration(const RunReport& report, const fs::path& folder) {
  const Calibration calibration =
      calibration_of(report.truth, report.probabilities, static_cast<int>(report.labels.size()));
  LineChart chart;
  chart.series.push_back({.name = "", .x = {0, 1}, .y = {0, 1}, .colour = kTraining});
  LineChart::Series bins{
      .name = "clips", .x = {}, .y = {}, .colour = kValidation, .width = 0, .points = true};
  for (const Calibration::Bin& bin : calibration.bins) {
    if (bin.num_clips > 0) {
      chart.series.push_back({.name = "",
                              .x = {bin.confidence, bin.confidence},
                              .y = {bin.accuracy_low, bin.accuracy_high},
                              .colour = kValidation});
      bins.x.push_back(bin.confidence);
      bins.y.push_back(bin.accuracy);
    }
  }
  chart.series.push_back(std::move(bins));
  chart.x_last = chart.y_last = 1.03;  // points at 1 are whole
  chart.title = report.title;
  chart.x_label = "probability of the prediction";
  chart.y_label = "share that is right";
  chart.captions = {fmt::format("expected calibration error {:.3f}; bars: 95 % intervals",
                                calibration.expected_error)};
  plot::write_png(folder / "calibration.png", plot::line_chart(chart));
}

// A line per training of what `of` gives for its epochs.
void add_curves(LineChart& chart, const std::vector<RunReport::Curve>& curves,
                const std::string& name, plot::Colour colour, double RunReport::Epoch::*of) {
  bool named = false;
  for (const RunReport::Curve& curve : curves) {
    LineChart::Series series{
        .name = "", .x = {}, .y = {}, .colour = colour, .width = curves.size() == 1 ? 3.0 : 1.5};
    for (std::size_t i = 0; i < curve.epochs.size(); ++i) {
      const double value = curve.epochs[i].*of;
      series.x.push_back(static_cast<double>(i + 1));
      series.y.push_back(value);
      if (std::isfinite(value)) {
        series.name = named ? "" : name;
      }
    }
    series.points = series.x.size() == 1;  // one epoch is no line
    named = named || !series.name.empty();
    chart.series.push_back(std::move(series));
  }
}

double largest_of(const LineChart& chart) {
  double largest = 0;
  for (const LineChart::Series& series : chart.series) {
    for (const double value : series.y) {
      largest = std::isfinite(value) ? std::max(largest, value) : largest;
    }
  }
  return largest > 0 ? largest : 1;
}

void draw_curves(const RunReport& report, const fs::path& folder) {
  std::size_t num_epochs = 2;
  bool validated = false;
  for (const RunReport::Curve& curve : report.curves) {
    num_epochs = std::max(num_epochs, curve.epochs.size());
    validated =
        validated || std::any_of(curve.epochs.begin(), curve.epochs.end(),
                                 [](const auto& e) { return std::isfinite(e.validation_loss); });
  }
  LineChart loss;
  loss.x_first = 1;
  loss.x_last = static_cast<double>(num_epochs);
  loss.x_label = "epoch";
  LineChart accuracy = loss;
  loss.y_label = "loss";
  add_curves(loss, report.curves, "training", kTraining, &RunReport::Epoch::train_loss);
  add_curves(loss, report.curves, "validation", kValidation, &RunReport::Epoch::validation_loss);
  loss.y_last = 1.05 * largest_of(loss);
  std::vector<plot::Canvas> panels = {plot::line_chart(loss)};
  if (validated) {
    accuracy.y_label = "accuracy";
    accuracy.y_last = 1.03;
    add_curves(accuracy, report.curves, "validation", kValidation,
               &RunReport::Epoch::validation_accuracy);
    panels.push_back(plot::line_chart(accuracy));
  }
  plot::write_png(folder / "curves.png", plot::side_by_side(panels, report.title, {}));
}

}  // namespace

std::vector<RunReport::File> draw_charts(const RunReport& report, const fs::path& folder) {
  const Metrics metrics =
      compute_metrics(report.truth, report.probabilities, static_cast<int>(report.labels.size()));
  draw_scores(report, metrics, folder);
  draw_calibration(report, folder);
  std::vector<RunReport::File> files = {
      {"confusion.png", "the confusion matrix as a picture"},
      {"f1.png", "F1 of each genre as a picture"},
      {"calibration.png", "how often predictions of a probability are right, as a picture"}};
  if (report.curves.empty()) {
    remove_old_file(folder / "curves.png");
  } else {
    draw_curves(report, folder);
    files.push_back({"curves.png", "the learning curves as a picture"});
  }
  return files;
}

void remove_old_file(const fs::path& path) {
  std::error_code reason;
  fs::remove(path, reason);
  if (reason) {
    throw Error(ErrorClass::kIo,
                fmt::format("{}: cannot replace: {}", path.string(), reason.message()));
  }
}

}  // namespace vggroove::cli

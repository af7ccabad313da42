#include <fmt/format.h>

#include <algorithm>
#include <cstddef>
#include <string>
#include <utility>
#include <vector>

#include "train/report/html_text.h"
#include "train/report/page_sections.h"
#include "train/report/run_report.h"
#include "train/report/style.h"

namespace vggroove {
namespace {

ScoredRun score(const RunReport& report) {
  const int k = static_cast<int>(report.labels.size());
  ScoredRun run{.report = report,
                .metrics = compute_metrics(report.truth, report.probabilities, k),
                .calibration = calibration_of(report.truth, report.probabilities, k),
                .scores = report.scores};
  if (run.scores.empty()) {
    run.scores.push_back({.name = "accuracy",
                          .accuracy = run.metrics.accuracy,
                          .low = run.metrics.accuracy_low,
                          .high = run.metrics.accuracy_high,
                          .fold_accuracies = {}});
  }
  return run;
}

struct Part {
  const char *id, *name;
  std::string html;
};

}  // namespace

std::vector<std::size_t> worst_errors(const RunReport& report, std::size_t count) {
  const std::size_t k = report.labels.size();
  std::vector<std::pair<double, std::size_t>> errors;  // probability of the truth, clip
  for (std::size_t clip = 0; clip < report.clips.size(); ++clip) {
    const auto row = report.probabilities.begin() + static_cast<std::ptrdiff_t>(clip * k);
    const auto best = std::max_element(row, row + static_cast<std::ptrdiff_t>(k));
    if (best - row != report.truth[clip]) {
      errors.emplace_back(row[report.truth[clip]], clip);
    }
  }
  std::sort(errors.begin(), errors.end());
  std::vector<std::size_t> clips;
  for (std::size_t i = 0; i < std::min(count, errors.size()); ++i) {
    clips.push_back(errors[i].second);
  }
  return clips;
}

std::string report_page(const RunReport& report) {
  const ScoredRun run = score(report);
  const Part parts[] = {{"result", "Result", result_section(run)},
                        {"confusion", "Confusions", confusion_section(run)},
                        {"classes", "Genres", classes_section(run)},
                        {"folds", "Folds", folds_section(run)},
                        {"calibration", "Calibration", calibration_section(run)},
                        {"curves", "Learning curves", curves_section(run)},
                        {"errors", "Worst errors", errors_section(run)},
                        {"origin", "How it was made", origin_section(run)}};
  std::string links, sections;
  for (const Part& part : parts) {
    if (!part.html.empty()) {
      links += fmt::format("<li><a href=\"#{}\">{}</a></li>", part.id, part.name);
      sections += part.html;
    }
  }
  return fmt::format(
      "<!doctype html>\n<html lang=\"en\">\n<head>\n<meta charset=\"utf-8\">\n"
      "<meta http-equiv=\"Content-Security-Policy\" content=\"default-src 'none'; "
      "style-src 'unsafe-inline'; img-src data:; base-uri 'none'; form-action 'none'\">\n"
      "<meta name=\"viewport\" content=\"width=device-width, initial-scale=1\">\n"
      "<meta name=\"color-scheme\" content=\"light dark\">\n"
      "<title>{0} - vggroove report</title>\n<style>{1}</style>\n</head>\n<body>\n"
      "<a class=\"skip\" href=\"#result\">To the result</a>\n<div class=\"page\">\n<header>\n"
      "<p class=\"kind\">vggroove report</p>\n<h1><bdi>{0}</bdi></h1>\n<p>{2}</p>\n</header>\n"
      "<nav aria-label=\"Parts of this page\"><ul>{3}</ul></nav>\n<main>\n{4}</main>\n"
      "<footer>This page is complete in itself: no script, no network.</footer>\n"
      "</div>\n</body>\n</html>\n",
      html_text(report.title), report_style(), html_text(report.subtitle), links, sections);
}

}  // namespace vggroove

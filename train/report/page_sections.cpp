#include "train/report/page_sections.h"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <cstddef>
#include <cstdint>
#include <numeric>

#include "train/report/html_text.h"
#include "train/report/style.h"
#include "train/report/svg_charts.h"

namespace vggroove {
namespace {

constexpr std::size_t kMostConfusionsNamed = 5;

std::string section(const char* id, const char* heading, const std::string& content,
                    bool wide = false) {
  return fmt::format(
      "<section id=\"{0}\" aria-labelledby=\"{0}-heading\"{1}>\n<h2 id=\"{0}-heading\">{2}</h2>\n"
      "{3}</section>\n",
      id, wide ? " class=\"wide\"" : "", heading, content);
}

std::string percent(double share) {
  return fmt::format("{:.1f}&nbsp;%", 100 * share);
}

// A name from outside, which must not turn the direction of what stands beside it.
std::string name_html(const std::string& name) {
  return "<bdi>" + html_text(name) + "</bdi>";
}

std::string tile(const char* name, const std::string& value, const std::string& hint) {
  return fmt::format(
      "<div><dt>{}</dt><dd class=\"value\">{}</dd><dd class=\"hint\">{}</dd></div>\n", name, value,
      hint);
}

std::string meter_cell(double score) {
  return fmt::format("<td>{:.3f}<span class=\"meter\"><i style=\"width:{:.1f}%\"></i></span></td>",
                     score, 100 * score);
}

template <class Scores>
std::string average_row(const char* name, const Scores& scores, std::int64_t num_clips) {
  return fmt::format(
      "<tr><th "
      "scope=\"row\">{}</th><td>{:.3f}</td><td>{:.3f}</td><td>{:.3f}</td><td>{}</td></tr>\n",
      name, scores.precision, scores.recall, scores.f1, num_clips);
}

// "12 of 30 clips of rock were taken for metal"
std::string worst_confusions(const ScoredRun& run) {
  struct Confusion {
    std::int64_t count;
    std::size_t truth, prediction;
  };
  const std::size_t k = run.report.labels.size();
  std::vector<Confusion> all;
  for (std::size_t truth = 0; truth < k; ++truth) {
    for (std::size_t prediction = 0; prediction < k; ++prediction) {
      const std::int64_t count = run.metrics.confusion[truth * k + prediction];
      if (truth != prediction && count > 0) {
        all.push_back({count, truth, prediction});
      }
    }
  }
  std::stable_sort(all.begin(), all.end(),
                   [](const Confusion& a, const Confusion& b) { return a.count > b.count; });
  if (all.empty()) {
    return "<p class=\"note\">No clip was taken for another genre.</p>\n";
  }
  std::string html = "<h3>Most frequent confusions</h3>\n<ol class=\"files\">\n";
  for (std::size_t i = 0; i < std::min(kMostConfusionsNamed, all.size()); ++i) {
    const Confusion& confusion = all[i];
    html += fmt::format("<li>{} of {} clips of {} taken for {}</li>\n", confusion.count,
                        run.metrics.per_class[confusion.truth].support,
                        name_html(run.report.labels[confusion.truth]),
                        name_html(run.report.labels[confusion.prediction]));
  }
  return html + "</ol>\n";
}

// Named scores: open dots for all but the last.
std::string score_keys(const std::vector<RunReport::Score>& scores) {
  if (scores.size() < 2) {
    return "";
  }
  std::string html = "<ul class=\"keys\">";
  for (const RunReport::Score& score : scores) {
    html += fmt::format("<li><i{}></i>{}</li>", &score == &scores.back() ? "" : " class=\"other\"",
                        html_text(score.name));
  }
  return html + "</ul>\n";
}

}  // namespace

std::string result_section(const ScoredRun& run) {
  const Metrics& metrics = run.metrics;
  const RunReport::Score& score = run.scores.back();
  const std::size_t k = run.report.labels.size();
  std::string html;
  for (const std::string& warning : run.report.warnings) {
    html += "<p class=\"warning\">" + html_text(warning) + "</p>\n";
  }
  html += fmt::format(
      "<div class=\"headline\">\n<div>\n<p class=\"big\">{:.1f}<small>%</small></p>\n"
      "<p class=\"of\">of {} clips are right; 95&nbsp;% interval <strong>{:.1f} to "
      "{:.1f}&nbsp;%</strong></p>\n</div>\n<div>{}<p class=\"note\">Bands are 95&nbsp;% intervals; "
      "the "
      "dashed line is guessing, {}.</p></div>\n</div>\n",
      100 * score.accuracy, metrics.num_clips, 100 * score.low, 100 * score.high,
      score_strip(run.scores, k), percent(1 / static_cast<double>(k)));
  html += "<dl class=\"tiles\">\n";
  html += tile("Macro F1", fmt::format("{:.3f}", metrics.macro.f1), "mean over the genres");
  if (static_cast<std::size_t>(metrics.top_k) < k) {
    html += tile("Top-3 accuracy", percent(metrics.top_k_accuracy),
                 "the truth is among the three likeliest");
  }
  html += tile("Log loss", fmt::format("{:.3f}", metrics.log_loss),
               fmt::format("guessing: {:.3f}", std::log(static_cast<double>(k))));
  html += tile("Calibration error", fmt::format("{:.3f}", run.calibration.expected_error),
               "expected; 0 is best");
  return section("result", "Accuracy", html + "</dl>\n", true);
}

std::string confusion_section(const ScoredRun& run) {
  const std::size_t k = run.report.labels.size();
  std::string html =
      "<p class=\"note\">A row per genre as labelled, a column per prediction; the deeper the "
      "colour, the larger the share of the row.</p>\n<div class=\"scroll\" tabindex=\"0\" "
      "role=\"region\" aria-label=\"Confusion matrix\">\n<table class=\"matrix\">\n<tr><td></td>";
  for (const std::string& label : run.report.labels) {
    html += fmt::format("<th scope=\"col\" title=\"{0}\"><span>{0}</span></th>", html_text(label));
  }
  html += "</tr>\n";
  for (std::size_t truth = 0; truth < k; ++truth) {
    html += fmt::format("<tr><th scope=\"row\" title=\"{}\">{}</th>",
                        html_text(run.report.labels[truth]), name_html(run.report.labels[truth]));
    const std::int64_t support = run.metrics.per_class[truth].support;
    for (std::size_t prediction = 0; prediction < k; ++prediction) {
      const std::int64_t count = run.metrics.confusion[truth * k + prediction];
      // Every count above 0 is seen: the lightest shade is for up to a tenth.
      const auto shade = support == 0 ? 0 : (kNumShades * count + support - 1) / support;
      html += fmt::format("<td class=\"{}{}\">{}</td>", truth == prediction ? "right" : "wrong",
                          shade, count == 0 ? "·" : fmt::format("{}", count));
    }
    html += "</tr>\n";
  }
  return section("confusion", "Confusions", html + "</table>\n</div>\n" + worst_confusions(run));
}

std::string classes_section(const ScoredRun& run) {
  std::string html =
      "<p class=\"note\">Precision: how many of the clips called so are so. Recall: how many of "
      "its "
      "clips were found. F1: their harmonic mean.</p>\n<div class=\"scroll\" tabindex=\"0\" "
      "role=\"region\" aria-label=\"Scores of each genre\">\n<table class=\"scores\">\n<thead><tr>"
      "<th scope=\"col\">Genre</th><th scope=\"col\">Precision</th><th scope=\"col\">Recall</th>"
      "<th scope=\"col\">F1</th><th scope=\"col\">Clips</th></tr></thead>\n<tbody>\n";
  for (std::size_t c = 0; c < run.report.labels.size(); ++c) {
    const Metrics::PerClass& scores = run.metrics.per_class[c];
    html += fmt::format("<tr><th scope=\"row\">{}</th>{}{}{}<td>{}</td></tr>\n",
                        name_html(run.report.labels[c]), meter_cell(scores.precision),
                        meter_cell(scores.recall), meter_cell(scores.f1), scores.support);
  }
  html += "</tbody>\n<tfoot>\n" +
          average_row("macro average", run.metrics.macro, run.metrics.num_clips) +
          average_row("weighted average", run.metrics.weighted, run.metrics.num_clips);
  return section("classes", "Genres", html + "</tfoot>\n</table>\n</div>\n");
}

std::string folds_section(const ScoredRun& run) {
  const std::vector<double>& folds = run.scores.back().fold_accuracies;
  if (folds.empty()) {
    return "";
  }
  const auto count = static_cast<double>(folds.size());
  const double mean = std::accumulate(folds.begin(), folds.end(), 0.0) / count;
  double squares = 0;
  for (const double accuracy : folds) {
    squares += (accuracy - mean) * (accuracy - mean);
  }
  std::string html = fmt::format(
      "<p>Mean {}{}, from {} to {}. Each fold was predicted by classifiers that were trained "
      "without it.</p>\n",
      percent(mean),
      folds.size() > 1 ? fmt::format(", standard deviation {:.1f} points",
                                     100 * std::sqrt(squares / (count - 1)))
                       : "",
      percent(*std::min_element(folds.begin(), folds.end())),
      percent(*std::max_element(folds.begin(), folds.end())));
  html += score_keys(run.scores) + fold_chart(run.scores);
  return section("folds", "Spread over the folds", html);
}

std::string curves_section(const ScoredRun& run) {
  const std::vector<RunReport::Curve>& curves = run.report.curves;
  if (curves.empty()) {
    return "";
  }
  const bool has_validation = std::any_of(curves.begin(), curves.end(), [](const auto& curve) {
    return std::any_of(curve.epochs.begin(), curve.epochs.end(),
                       [](const auto& epoch) { return std::isfinite(epoch.validation_loss); });
  });
  std::string html = fmt::format(
      "<p class=\"note\">{}{}</p>\n<ul class=\"keys\"><li><i class=\"line training\"></i>training"
      "</li>{}</ul>\n",
      curves.size() == 1
          ? "One training."
          : fmt::format("{} trainings: thin lines; thick lines are their medians, as long as half "
                        "of them go on.",
                        curves.size()),
      has_validation ? " The epoch with the least validation loss is kept." : "",
      has_validation ? "<li><i class=\"line\"></i>validation</li>" : "");
  html += "<div class=\"pair\">\n<div><h3>Loss</h3>\n" + loss_chart(curves) + "</div>\n";
  if (has_validation) {
    html +=
        "<div><h3>Validation accuracy, %</h3>\n" + validation_accuracy_chart(curves) + "</div>\n";
  }
  return section("curves", "Learning curves", html + "</div>\n", true);
}

std::string calibration_section(const ScoredRun& run) {
  const std::vector<Calibration::Bin>& bins = run.calibration.bins;
  std::string html = fmt::format(
      "<p class=\"note\">Is the classifier right as often as it says? On the dashed line, yes; "
      "below "
      "it is too sure of itself. Expected calibration error: {:.3f}.</p>\n{}"
      "<details><summary>The numbers</summary>\n<div class=\"scroll\" tabindex=\"0\" "
      "role=\"region\" "
      "aria-label=\"Calibration in numbers\">\n<table class=\"scores\">\n<thead><tr>"
      "<th scope=\"col\">Probability</th><th scope=\"col\">Clips</th><th scope=\"col\">Mean</th>"
      "<th scope=\"col\">Right</th><th scope=\"col\">95 % interval</th></tr></thead>\n<tbody>\n",
      run.calibration.expected_error, reliability_chart(run.calibration));
  for (std::size_t b = 0; b < bins.size(); ++b) {
    const Calibration::Bin& bin = bins[b];
    const auto count = static_cast<double>(bins.size());
    html += fmt::format("<tr><th scope=\"row\">{:.1f} to {:.1f}</th><td>{}</td>",
                        static_cast<double>(b) / count, static_cast<double>(b + 1) / count,
                        bin.num_clips);
    html += bin.num_clips == 0
                ? "<td></td><td></td><td></td></tr>\n"
                : fmt::format("<td>{:.3f}</td><td>{:.3f}</td><td>{:.3f} to {:.3f}</td></tr>\n",
                              bin.confidence, bin.accuracy, bin.accuracy_low, bin.accuracy_high);
  }
  return section("calibration", "Calibration", html + "</tbody>\n</table>\n</div>\n</details>\n");
}

std::string errors_section(const ScoredRun& run) {
  const RunReport& report = run.report;
  const std::size_t k = report.labels.size();
  if (report.pictures.empty()) {
    return section("errors", "Worst errors", "<p>Every clip was predicted rightly.</p>\n", true);
  }
  std::string html =
      "<p class=\"note\">The wrong predictions that gave the truth the least probability. A label "
      "may be wrong, too: listen before you blame the classifier.</p>\n<ol class=\"errors\">\n";
  for (const RunReport::Picture& picture : report.pictures) {
    const std::size_t clip = picture.clip;
    const auto truth = static_cast<std::size_t>(report.truth[clip]);
    const auto row = report.probabilities.begin() + static_cast<std::ptrdiff_t>(clip * k);
    const auto prediction =
        static_cast<std::size_t>(std::max_element(row, row + static_cast<std::ptrdiff_t>(k)) - row);
    html += "<li>\n";
    if (picture.png.empty()) {
      html += "<p class=\"none\">No spectrogram: " + html_text(picture.why_none) + "</p>\n";
    } else {
      html += fmt::format(
          "<figure><img src=\"{}\" alt=\"Log-mel spectrogram: time to the right, 125 to 7500 Hz "
          "upwards\"><figcaption><span>0 s</span><span>125 to 7500 Hz</span><span>{:.1f} s</span>"
          "</figcaption></figure>\n",
          png_data_uri(picture.png), picture.duration_s);
    }
    html += fmt::format(
        "<p class=\"verdict\">{} taken for <span class=\"wrong\">{}</span></p>\n"
        "<p class=\"odds\">{} {}, {} {}{}</p>\n<p class=\"path\">{}</p>\n</li>\n",
        name_html(report.labels[truth]), name_html(report.labels[prediction]),
        name_html(report.labels[prediction]), percent(row[static_cast<std::ptrdiff_t>(prediction)]),
        name_html(report.labels[truth]), percent(row[static_cast<std::ptrdiff_t>(truth)]),
        report.fold_of_clip.empty() ? "" : fmt::format("; fold {}", report.fold_of_clip[clip] + 1),
        name_html(report.clips[clip]));
  }
  return section("errors", "Worst errors", html + "</ol>\n", true);
}

std::string origin_section(const ScoredRun& run) {
  std::string html = "<dl class=\"facts\">\n";
  for (const RunReport::Fact& fact : run.report.facts) {
    html += fmt::format("<dt>{}</dt><dd>{}</dd>\n", html_text(fact.name), name_html(fact.value));
  }
  html += "</dl>\n";
  if (!run.report.files.empty()) {
    html += "<h3>Files beside this page</h3>\n<ul class=\"files\">\n";
    for (const RunReport::File& file : run.report.files) {
      html += fmt::format("<li><a href=\"{0}\">{0}</a>: {1}</li>\n", html_text(file.name),
                          html_text(file.description));
    }
    html += "</ul>\n";
  }
  return section("origin", "How it was made", html, true);
}

}  // namespace vggroove

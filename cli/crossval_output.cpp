#include "cli/crossval_output.h"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>
#include <cmath>

#include "cli/report_folder.h"
#include "cli/unicode_text.h"
#include "plot/charts.h"
#include "plot/png_file.h"

namespace vggroove::cli {
namespace {

std::string percent(double share) {
  return fmt::format("{:.1f} %", 100 * share);
}

std::string mean_text(const MetricSummary& score) {
  return std::isnan(score.deviation)
             ? percent(score.mean)
             : fmt::format("{:.1f} +- {:.1f} %", 100 * score.mean, 100 * score.deviation);
}

std::string interval_text(const MetricSummary& score) {
  return fmt::format("{:.1f} to {:.1f} %", 100 * score.low, 100 * score.high);
}

// "hidden 64, learning_rate 0.003": what varies between the settings; "all" where nothing does.
std::string setting_text(const std::vector<nlohmann::json>& settings, std::size_t which) {
  std::vector<std::string> parts;
  for (const auto& item : settings[which].items()) {
    const bool varies = std::any_of(
        settings.begin(), settings.end(),
        [&item](const nlohmann::json& other) { return other.at(item.key()) != item.value(); });
    if (varies) {
      parts.push_back(fmt::format("{} {}", item.key(), item.value().dump()));
    }
  }
  return parts.empty() ? "the only setting" : fmt::format("{}", fmt::join(parts, ", "));
}

RunReport::Score score_of(const CrossvalRun& run) {
  const CrossValidationReport& report = run.reports.front();
  RunReport::Score score{.name = run.name(),
                         .accuracy = report.per_clip.accuracy.value,
                         .low = report.per_clip.accuracy.low,
                         .high = report.per_clip.accuracy.high,
                         .fold_accuracies = {}};
  for (const FoldReport& fold : report.folds) {
    score.fold_accuracies.push_back(fold.metrics.accuracy);
  }
  return score;
}

// The clips that were tested, as a set of their own; rows are left out.
FeatureSet tested_part(const FeatureSet& features, const std::vector<int>& fold_of_clip) {
  FeatureSet part;
  part.num_features = features.num_features;
  part.labels = features.labels;
  for (std::size_t clip = 0; clip < features.clips.size(); ++clip) {
    if (fold_of_clip[clip] >= 0) {
      part.clips.push_back(features.clips[clip]);
    }
  }
  return part;
}

}  // namespace

std::string CrossvalRun::name() const {
  return divided_by == "lists" ? "lists" : fmt::format("folds by {}", divided_by);
}

std::string folds_table(const std::vector<CrossvalRun>& runs) {
  const bool repeated = runs.front().reports.front().repetitions.size() > 1;
  std::string text = repeated ? "repetition, fold" : "            fold";
  const auto add_line = [&](const std::string& name, const auto& value) {
    text += fmt::format("{:>16}", name);
    for (const CrossvalRun& run : runs) {
      text += fmt::format("  {:>18}", value(run.reports.front()));
    }
    text += '\n';
  };
  for (const CrossvalRun& run : runs) {
    text += fmt::format("  {:>18}", fmt::format("by {}", run.divided_by));
  }
  text += '\n';
  for (std::size_t i = 0; i < runs.front().reports.front().folds.size(); ++i) {
    const FoldReport& fold = runs.front().reports.front().folds[i];
    add_line(repeated ? fmt::format("{}, {}", fold.repetition + 1, fold.fold + 1)
                      : fmt::format("{}", fold.fold + 1),
             [i](const auto& report) { return percent(report.folds[i].metrics.accuracy); });
  }
  add_line("mean", [](const auto& report) { return mean_text(report.per_clip.accuracy); });
  add_line("all", [](const auto& report) { return percent(report.per_clip.accuracy.value); });
  add_line("95 % interval",
           [](const auto& report) { return interval_text(report.per_clip.accuracy); });
  return text;
}

std::string settings_table(const CrossvalRun& run) {
  std::vector<nlohmann::json> settings;
  for (const CrossValidationReport& report : run.reports) {
    settings.push_back(report.settings.front());
  }
  std::string text = "accuracy   95 % interval    log loss  setting\n";
  for (std::size_t s = 0; s < settings.size(); ++s) {
    const ScoreSummary& scores = run.reports[s].per_clip;
    text += fmt::format("{:>8}  {:>15}  {:9.3f}  {}\n", percent(scores.accuracy.value),
                        interval_text(scores.accuracy), scores.log_loss.value,
                        setting_text(settings, s));
  }
  return text;
}

std::string selection_text(const CrossValidationReport& report) {
  std::string text = fmt::format("Chosen by {} inner folds of each fold's training clips:\n",
                                 report.num_inner_folds);
  for (std::size_t s = 0; s < report.settings.size(); ++s) {
    const auto count = std::count_if(report.folds.begin(), report.folds.end(),
                                     [s](const FoldReport& fold) { return fold.setting == s; });
    if (count > 0) {
      text += fmt::format("  in {} of {} folds: {}\n", count, report.folds.size(),
                          setting_text(report.settings, s));
    }
  }
  return text;
}

std::string summary_table(const CrossValidationReport& report) {
  std::string text;
  const auto add = [&text](const char* name, const MetricSummary& score) {
    text += fmt::format("{:>15}  {:6.3f}  {:6.3f} to {:6.3f}  {:6.3f}", name, score.value,
                        score.low, score.high, score.mean);
    text += std::isnan(score.deviation) ? "\n" : fmt::format(" +- {:.3f}\n", score.deviation);
  };
  const auto add_all = [&](const char* what, const ScoreSummary& scores) {
    text += fmt::format("{:>15}  {:>6}  {:>16}  over the folds\n", what, "all", "95 % interval");
    add("accuracy", scores.accuracy);
    add("macro precision", scores.macro_precision);
    add("macro recall", scores.macro_recall);
    add("macro F1", scores.macro_f1);
    add("log loss", scores.log_loss);
  };
  add_all("per clip", report.per_clip);
  add_all("per segment", report.per_segment);
  return text;
}

std::string difference_text(const CrossvalRun& by_clips, const CrossvalRun& by_groups) {
  const double points = 100 * (by_clips.reports.front().per_clip.accuracy.value -
                               by_groups.reports.front().per_clip.accuracy.value);
  return fmt::format("Folds by clips promise {:+.1f} points of accuracy against folds by groups.",
                     points);
}

void write_confusions(const std::string& png, const std::string& title, const FeatureSet& features,
                      const std::vector<CrossvalRun>& runs) {
  std::vector<plot::Canvas> panels;
  for (const CrossvalRun& run : runs) {
    const CrossValidationReport& report = run.reports.front();
    const Metrics& first = report.repetitions.front().metrics;
    const plot::ConfusionMatrix matrix{
        .labels = features.labels,
        .counts = first.confusion,
        .title = fmt::format("{}: {}", run.name(), percent(first.accuracy)),
        .captions = {fmt::format("mean of {} folds {}", report.folds.size(),
                                 mean_text(report.per_clip.accuracy))}};
    panels.push_back(plot::confusion_matrix(matrix));
  }
  const std::vector<std::string> captions =
      runs.size() == 2 ? std::vector<std::string>{difference_text(runs[0], runs[1])}
                       : std::vector<std::string>{};
  plot::write_png(png, plot::side_by_side(panels, valid_utf8(title), captions));
}

RunReport page_of(const std::vector<CrossvalRun>& runs, const FeatureSet& features) {
  const CrossValidationReport& shown = runs.back().reports.front();
  const RepetitionReport& repetition = shown.repetitions.front();
  const FeatureSet tested = tested_part(features, repetition.fold_of_clip);
  const std::size_t k = features.labels.size();
  std::vector<int> truth, folds;
  std::vector<double> probabilities;
  for (std::size_t clip = 0; clip < features.clips.size(); ++clip) {
    if (repetition.fold_of_clip[clip] >= 0) {
      truth.push_back(features.clips[clip].label);
      folds.push_back(repetition.fold_of_clip[clip]);
      const double* const row = repetition.probabilities.data() + clip * k;
      probabilities.insert(probabilities.end(), row, row + k);
    }
  }
  RunReport page = run_report(tested, features.labels, truth, probabilities);
  page.fold_of_clip = std::move(folds);
  for (const CrossvalRun& run : runs) {
    page.scores.push_back(score_of(run));
  }
  for (const FoldReport& fold : shown.folds) {
    for (const FittedHead::Member& member : fold.members) {
      RunReport::Curve& curve = page.curves.emplace_back();
      for (const HeadEpoch& epoch : member.epochs) {
        curve.epochs.push_back({.train_loss = epoch.train_loss,
                                .validation_loss = epoch.validation_loss,
                                .validation_accuracy = epoch.validation_accuracy});
      }
    }
  }
  return page;
}

}  // namespace vggroove::cli

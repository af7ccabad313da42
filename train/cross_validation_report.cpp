#include "train/cross_validation_report.h"

#include <algorithm>
#include <cmath>
#include <limits>
#include <string>
#include <unordered_map>

#include "train/bootstrap.h"
#include "train/head_model.h"

namespace vggroove {
namespace {

// Clips that were tested in any repetition (they are the same in all).
std::vector<std::size_t> tested_clips(const CrossValidationReport& report) {
  std::vector<std::size_t> clips;
  const std::vector<int>& fold_of_clip = report.repetitions.front().fold_of_clip;
  for (std::size_t clip = 0; clip < fold_of_clip.size(); ++clip) {
    if (fold_of_clip[clip] >= 0) {
      clips.push_back(clip);
    }
  }
  return clips;
}

// The bootstrap's unit of every clip: itself, or its group.
std::vector<std::size_t> units_of_clips(const FeatureSet& features, bool grouped) {
  std::vector<std::size_t> units(features.clips.size());
  std::unordered_map<std::string, std::size_t> unit_of_group;
  for (std::size_t clip = 0; clip < units.size(); ++clip) {
    const std::string& group = features.clips[clip].group;
    units[clip] =
        grouped && !group.empty() ? unit_of_group.try_emplace(group, clip).first->second : clip;
  }
  return units;
}

std::vector<double> clip_probabilities(const RepetitionReport& repetition, std::size_t k,
                                       const std::vector<std::size_t>& clips) {
  std::vector<double> chosen;
  chosen.reserve(clips.size() * k);
  for (const std::size_t clip : clips) {
    const double* const row = repetition.probabilities.data() + clip * k;
    chosen.insert(chosen.end(), row, row + k);
  }
  return chosen;
}

std::vector<double> segment_probabilities(const RepetitionReport& repetition,
                                          const FeatureSet& features,
                                          const std::vector<std::size_t>& clips) {
  const std::size_t k = features.labels.size();
  std::vector<double> chosen;
  for (const std::size_t clip : clips) {
    const float* const rows =
        repetition.segment_probabilities.data() + features.clips[clip].first_row * k;
    chosen.insert(chosen.end(), rows, rows + features.clips[clip].num_rows * k);
  }
  return chosen;
}

std::vector<int> labels_of(const FeatureSet& features, const std::vector<std::size_t>& clips,
                           bool per_segment) {
  std::vector<int> labels;
  for (const std::size_t clip : clips) {
    labels.insert(labels.end(), per_segment ? features.clips[clip].num_rows : 1,
                  features.clips[clip].label);
  }
  return labels;
}

struct Score {
  const char* name;
  MetricSummary ScoreSummary::*summary;
  Interval ScoreIntervals::*interval;
  double (*of)(const Metrics&);
};
constexpr Score kScores[] = {
    {"accuracy", &ScoreSummary::accuracy, &ScoreIntervals::accuracy,
     [](const Metrics& m) { return m.accuracy; }},
    {"macro_precision", &ScoreSummary::macro_precision, &ScoreIntervals::macro_precision,
     [](const Metrics& m) { return m.macro.precision; }},
    {"macro_recall", &ScoreSummary::macro_recall, &ScoreIntervals::macro_recall,
     [](const Metrics& m) { return m.macro.recall; }},
    {"macro_f1", &ScoreSummary::macro_f1, &ScoreIntervals::macro_f1,
     [](const Metrics& m) { return m.macro.f1; }},
    {"log_loss", &ScoreSummary::log_loss, &ScoreIntervals::log_loss,
     [](const Metrics& m) { return m.log_loss; }},
};

ScoreSummary summarise(const CrossValidationReport& report, Metrics RepetitionReport::*whole,
                       Metrics FoldReport::*part, const ScoreIntervals& intervals) {
  const auto num_repetitions = static_cast<double>(report.repetitions.size());
  const auto num_folds = static_cast<double>(report.folds.size());
  ScoreSummary summary;
  for (const Score& score : kScores) {
    MetricSummary& of_score = summary.*score.summary;
    for (const RepetitionReport& repetition : report.repetitions) {
      of_score.value += score.of(repetition.*whole) / num_repetitions;
    }
    for (const FoldReport& fold : report.folds) {
      of_score.mean += score.of(fold.*part) / num_folds;
    }
    double squares = 0;
    for (const FoldReport& fold : report.folds) {
      squares += std::pow(score.of(fold.*part) - of_score.mean, 2);
    }
    of_score.deviation = num_folds > 1 ? std::sqrt(squares / (num_folds - 1))
                                       : std::numeric_limits<double>::quiet_NaN();
    of_score.low = (intervals.*score.interval).low;
    of_score.high = (intervals.*score.interval).high;
  }
  return summary;
}

// JSON has no NaN.
nlohmann::json number_or_null(double value) {
  return std::isfinite(value) ? nlohmann::json(value) : nlohmann::json(nullptr);
}

nlohmann::json curve_to_json(const std::vector<HeadEpoch>& epochs) {
  nlohmann::json curve = nlohmann::json::array();
  for (const HeadEpoch& epoch : epochs) {
    curve.push_back({{"epoch", epoch.epoch},
                     {"train_loss", epoch.train_loss},
                     {"validation_loss", number_or_null(epoch.validation_loss)},
                     {"validation_accuracy", number_or_null(epoch.validation_accuracy)}});
  }
  return curve;
}

nlohmann::json summary_to_json(const ScoreSummary& summary) {
  nlohmann::json json;
  for (const Score& score : kScores) {
    const MetricSummary& of_score = summary.*score.summary;
    json[score.name] = {{"value", of_score.value},
                        {"interval_95", {of_score.low, of_score.high}},
                        {"mean", of_score.mean},
                        {"std", number_or_null(of_score.deviation)}};
  }
  return json;
}

nlohmann::json predictions_to_json(const CrossValidationReport& report,
                                   const FeatureSet& features) {
  const std::size_t k = features.labels.size();
  nlohmann::json predictions = nlohmann::json::array();
  for (std::size_t r = 0; r < report.repetitions.size(); ++r) {
    const RepetitionReport& repetition = report.repetitions[r];
    for (const std::size_t clip : tested_clips(report)) {
      const auto first = repetition.probabilities.begin() + static_cast<std::ptrdiff_t>(clip * k);
      const std::vector<double> row(first, first + static_cast<std::ptrdiff_t>(k));
      const auto best =
          static_cast<std::size_t>(std::max_element(row.begin(), row.end()) - row.begin());
      const FeatureSet::Clip& about = features.clips[clip];
      predictions.push_back({{"path", about.id},
                             {"group", about.group},
                             {"truth", features.labels[static_cast<std::size_t>(about.label)]},
                             {"prediction", features.labels[best]},
                             {"repetition", r + 1},
                             {"fold", repetition.fold_of_clip[clip] + 1},
                             {"probabilities", row}});
    }
  }
  return predictions;
}

}  // namespace

CrossValidationReport empty_report(const FeatureSet& features,
                                   std::span<const Partition> partitions) {
  const std::size_t num_clips = features.clips.size(), k = features.labels.size();
  CrossValidationReport report;
  for (const Partition& partition : partitions) {
    FoldReport fold;
    fold.repetition = partition.repetition;
    fold.fold = partition.fold;
    fold.train_clips = partition.train;
    fold.test_clips = partition.test;
    fold.train_clips.insert(fold.train_clips.end(), partition.validation.begin(),
                            partition.validation.end());
    std::sort(fold.train_clips.begin(), fold.train_clips.end());
    report.folds.push_back(std::move(fold));
    const auto num_repetitions = static_cast<std::size_t>(partition.repetition) + 1;
    while (report.repetitions.size() < num_repetitions) {
      RepetitionReport repetition;
      repetition.fold_of_clip =
          fold_of_clips(num_clips, partitions, static_cast<int>(report.repetitions.size()));
      repetition.probabilities.resize(num_clips * k);
      repetition.segment_probabilities.resize(features.rows.size() /
                                              static_cast<std::size_t>(features.num_features) * k);
      report.repetitions.push_back(std::move(repetition));
    }
  }
  return report;
}

void score_predictions(CrossValidationReport& report, const FeatureSet& features,
                       std::uint64_t seed) {
  const std::size_t k = features.labels.size();
  const auto num_classes = static_cast<int>(k);
  const auto score = [&](const RepetitionReport& repetition, const std::vector<std::size_t>& clips,
                         Metrics& of_clips, Metrics& of_segments) {
    of_clips = compute_metrics(labels_of(features, clips, false),
                               clip_probabilities(repetition, k, clips), num_classes);
    of_segments = compute_metrics(labels_of(features, clips, true),
                                  segment_probabilities(repetition, features, clips), num_classes);
  };
  for (FoldReport& fold : report.folds) {
    score(report.repetitions[static_cast<std::size_t>(fold.repetition)], fold.test_clips,
          fold.metrics, fold.segment_metrics);
  }
  const std::vector<std::size_t> clips = tested_clips(report);
  const std::vector<std::size_t> units = units_of_clips(features, report.grouped);
  ScoredItems of_clips{.truth = labels_of(features, clips, false),
                       .unit = {},
                       .probabilities = {},
                       .num_classes = num_classes};
  ScoredItems of_segments{.truth = labels_of(features, clips, true),
                          .unit = {},
                          .probabilities = {},
                          .num_classes = num_classes};
  for (const std::size_t clip : clips) {
    of_clips.unit.push_back(units[clip]);
    of_segments.unit.insert(of_segments.unit.end(), features.clips[clip].num_rows, units[clip]);
  }
  for (RepetitionReport& repetition : report.repetitions) {
    score(repetition, clips, repetition.metrics, repetition.segment_metrics);
    of_clips.probabilities.push_back(clip_probabilities(repetition, k, clips));
    of_segments.probabilities.push_back(segment_probabilities(repetition, features, clips));
  }
  const ScoreIntervals by_clip = bootstrap_intervals(of_clips, seed);
  // Clips of one segment each, as often in feature tables, are their segments.
  const bool same =
      of_segments.truth == of_clips.truth && of_segments.probabilities == of_clips.probabilities;
  const ScoreIntervals by_segment = same ? by_clip : bootstrap_intervals(of_segments, seed);
  report.per_clip = summarise(report, &RepetitionReport::metrics, &FoldReport::metrics, by_clip);
  report.per_segment = summarise(report, &RepetitionReport::segment_metrics,
                                 &FoldReport::segment_metrics, by_segment);
}

nlohmann::json report_to_json(const CrossValidationReport& report, const FeatureSet& features) {
  nlohmann::json folds = nlohmann::json::array(), repetitions = nlohmann::json::array();
  for (const FoldReport& fold : report.folds) {
    nlohmann::json curves = nlohmann::json::array();
    for (const FittedHead::Member& member : fold.members) {
      curves.push_back(curve_to_json(member.epochs));
    }
    folds.push_back({{"repetition", fold.repetition + 1},
                     {"fold", fold.fold + 1},
                     {"clips", fold.test_clips.size()},
                     {"metrics", metrics_to_json(fold.metrics, features.labels)},
                     {"segment_metrics", metrics_to_json(fold.segment_metrics, features.labels)},
                     {"members", members_to_json(fold.members)},
                     {"curves", std::move(curves)},
                     {"setting", fold.setting},
                     {"inner_losses", fold.inner_losses}});
  }
  for (const RepetitionReport& repetition : report.repetitions) {
    repetitions.push_back(
        {{"metrics", metrics_to_json(repetition.metrics, features.labels)},
         {"segment_metrics", metrics_to_json(repetition.segment_metrics, features.labels)}});
  }
  return {{"settings", report.settings},
          {"grouped", report.grouped},
          {"inner_folds", report.num_inner_folds},
          {"per_clip", summary_to_json(report.per_clip)},
          {"per_segment", summary_to_json(report.per_segment)},
          {"folds", std::move(folds)},
          {"repetitions", std::move(repetitions)},
          {"predictions", predictions_to_json(report, features)},
          {"labels", features.labels}};
}

}  // namespace vggroove

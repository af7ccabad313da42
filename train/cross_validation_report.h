#pragma once

#include <cstddef>
#include <cstdint>
#include <nlohmann/json.hpp>
#include <span>
#include <vector>

#include "train/feature_set.h"
#include "train/head_fit.h"
#include "train/metrics.h"
#include "train/partitions.h"

namespace vggroove {

// A finished cross-validation, of heads or of fine-tuned networks. Clips and segments (the rows of
// the data) are meant by their indices in the FeatureSet that it was made from; K classes.

// One metric over all predictions.
struct MetricSummary {
  // Of all out-of-fold predictions together; with repetitions the mean of theirs.
  double value = 0;
  double low = 0, high = 0;  // 95 % bootstrap interval of `value` (train/bootstrap.h)
  // Over the folds of all repetitions; deviation is the sample standard deviation, NaN for one
  // fold.
  double mean = 0, deviation = 0;
};

struct ScoreSummary {
  MetricSummary accuracy, macro_precision, macro_recall, macro_f1, log_loss;
};

struct FoldReport {
  int repetition = 0, fold = 0;                      // from 0
  std::vector<std::size_t> train_clips, test_clips;  // validation clips are among train_clips
  Metrics metrics, segment_metrics;                  // of the test clips and of their segments
  // Trainings, each with its learning curve: the members of a head, or the one fine-tuned network.
  std::vector<FittedHead::Member> members;
  std::size_t setting = 0;  // of CrossValidationReport::settings: what the fold was trained with
  // With selection: the log loss of every setting on the inner folds; the least was taken.
  std::vector<double> inner_losses;  // [settings], or empty
};

// One division of the data and its predictions.
struct RepetitionReport {
  std::vector<int> fold_of_clip;             // [clips]: the fold that tests it; -1: none does
  std::vector<double> probabilities;         // [clips, K]: by the fold without the clip; else 0
  std::vector<float> segment_probabilities;  // [rows, K]: likewise
  Metrics metrics, segment_metrics;          // of all tested clips together
};

struct CrossValidationReport {
  std::vector<nlohmann::json> settings;  // candidates of the selection; one where there is none
  bool grouped = false;                  // groups were kept together, and are the bootstrap's units
  int num_inner_folds = 0;               // of the selection; 0: none
  std::vector<FoldReport> folds;         // repetition by repetition
  std::vector<RepetitionReport> repetitions;
  ScoreSummary per_clip, per_segment;
};

// Folds with their clips and repetitions with room for their predictions; everything else is to be
// filled in. Every repetition tests the same clips.
CrossValidationReport empty_report(const FeatureSet& features,
                                   std::span<const Partition> partitions);

// Fills in the scores (metrics of folds and repetitions, per_clip, per_segment) from the rest:
// folds with their test clips, repetitions with their predictions, `grouped`. The seed is the
// bootstrap's. Throws what compute_metrics() throws.
void score_predictions(CrossValidationReport& report, const FeatureSet& features,
                       std::uint64_t seed);

// {"settings": [...], "grouped", "inner_folds",
//  "per_clip": {"accuracy": {"value", "interval_95": [low, high], "mean", "std"}, ...},
//  "per_segment": likewise,
//  "folds": [{"repetition", "fold", "clips", "metrics", "segment_metrics", "members", "curves":
//  [per member
//             [{"epoch", "train_loss", "validation_loss", "validation_accuracy"}]], "setting",
//             "inner_losses"}],
//  "repetitions": [{"metrics", "segment_metrics"}],
//  "predictions": [{"path", "group", "truth", "prediction", "repetition", "fold",
//                   "probabilities": [K]}], "labels": [K]}
// Repetitions and folds count from 1.
nlohmann::json report_to_json(const CrossValidationReport& report, const FeatureSet& features);

}  // namespace vggroove

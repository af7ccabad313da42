#pragma once

#include <cstddef>
#include <cstdint>
#include <functional>
#include <span>
#include <vector>

#include "train/feature_set.h"
#include "train/head_trainer.h"
#include "train/metrics.h"

namespace vggroove {

struct CrossValidationOptions {
  int num_folds = 10;
  bool grouped = false;  // keep the groups of the data together
  std::uint64_t seed = 0;
  double validation_fraction =
      0.15;  // of each training part, for early stopping; by clip and group
  HeadTrainingOptions head;
};

struct FoldReport {
  std::vector<std::size_t> test_clips;
  Metrics metrics;
  int best_epoch = 0;
};

struct CrossValidationReport {
  std::vector<FoldReport> folds;
  Metrics pooled;                              // over the out-of-fold predictions of all clips
  std::vector<double> probabilities;           // [clips, K] out of fold
  double mean_accuracy = 0, std_accuracy = 0;  // over the folds (sample standard deviation)
};

CrossValidationReport cross_validate(
    const FeatureSet& features, const CrossValidationOptions& options,
    const std::function<void(std::size_t folds_done)>& on_fold = {});

}  // namespace vggroove

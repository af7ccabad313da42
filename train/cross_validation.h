#pragma once

#include <cstddef>
#include <cstdint>
#include <functional>
#include <vector>

#include "train/feature_set.h"
#include "train/head_fit.h"
#include "train/metrics.h"

namespace vggroove {

struct CrossValidationOptions {
  int num_folds = 10;
  std::uint64_t seed = 0;  // of the folds and of the heads (head.training.seed is not used)
  // head.grouped keeps the groups of the data together, in the folds as in the validation splits
  HeadFitOptions head;
  int num_threads = 0;  // folds trained at once; 0: one per core
};

struct FoldReport {
  std::vector<std::size_t> test_clips;
  Metrics metrics;
  std::vector<FittedHead::Member> members;
};

struct CrossValidationReport {
  std::vector<FoldReport> folds;
  Metrics pooled;                              // over the out-of-fold predictions of all clips
  std::vector<double> probabilities;           // [clips, K] out of fold
  double mean_accuracy = 0, std_accuracy = 0;  // over the folds (sample standard deviation)
};

// Every clip is predicted once, by a head that was trained without its fold: the validation clips
// of early stopping are taken from the other folds. The same seed gives the same report, whatever
// the number of threads. on_fold is called from one thread at a time.
// Throws what stratified_folds() and train_head() throw.
CrossValidationReport cross_validate(
    const FeatureSet& features, const CrossValidationOptions& options,
    const std::function<void(std::size_t folds_done)>& on_fold = {});

}  // namespace vggroove

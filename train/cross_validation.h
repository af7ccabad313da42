#pragma once

#include <cstddef>
#include <cstdint>
#include <functional>
#include <span>
#include <vector>

#include "train/cross_validation_report.h"
#include "train/feature_set.h"
#include "train/head_fit.h"
#include "train/partitions.h"

namespace vggroove {

struct HeadCrossValidation {
  std::uint64_t seed = 0;  // of the heads and the inner folds (head.training.seed is not used)
  // head.grouped keeps the groups of the data together: in the inner folds, in the validation
  // splits, and as the units of the bootstrap. On head.device all partitions train together.
  HeadFitOptions head;
  std::vector<HeadTrainingOptions> settings;  // to try; empty: head.training alone
  // 0: every setting is judged, one report each. Else the settings compete on so many folds of each
  // partition's training clips; the one with the least log loss there is trained on all of them,
  // and the test clips are predicted by it alone: they never choose anything.
  int num_inner_folds = 0;
  int num_threads = 0;  // partitions trained at once; 0: one per core
};

// Trains heads on every partition and predicts its test clips. The validation clips of early
// stopping are the partition's, else taken from its training clips. A report per setting, or one
// with selection. All settings of a partition train together, each with the bits that it would have
// alone; the same seed gives the same reports, whatever the number of threads.
// on_partition is called from one thread at a time and may throw; on a device also after every
// epoch, as a sign of life, with the number that it had before.
// Throws what stratified_folds() (for inner folds), train_head() and the device throw.
std::vector<CrossValidationReport> cross_validate(
    const FeatureSet& features, std::span<const Partition> partitions,
    const HeadCrossValidation& options,
    const std::function<void(std::size_t partitions_done)>& on_partition = {});

}  // namespace vggroove

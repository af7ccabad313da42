#pragma once

#include <cstddef>
#include <cstdint>
#include <filesystem>
#include <functional>
#include <span>
#include <vector>

#include "train/cross_validation_report.h"
#include "train/finetune_fold.h"
#include "train/partitions.h"

namespace vggroove {

struct FinetuneCrossValidation {
  std::uint64_t seed = 0;                 // of everything (the settings' seeds are not used)
  std::vector<FinetuneOptions> settings;  // to try: at least one
  // Of a partition's training clips, where the partition names no validation clips: they decide
  // which epoch is kept and when a training stops. 0: none; every epoch is run, the last is kept.
  double validation_fraction = 0.15;
  // Groups of the data stay together: in the inner folds, in the validation splits, and as the
  // units of the bootstrap.
  bool grouped = false;
  // 0: every setting is judged, one report each. Else the settings compete on so many folds of each
  // partition's training clips; the one with the least log loss there is trained on all of them,
  // and the test clips are predicted by it alone.
  int num_inner_folds = 0;
  // Folder that keeps the results of finished trainings and the checkpoint of the one that goes on,
  // as files repetition-...; made where it is missing. Empty: nothing is kept.
  std::filesystem::path work;
  // Go on with what a run with the same options left there; else it is removed.
  bool resume = false;
};

struct FinetuneCrossValidationProgress {
  std::size_t training = 0, num_trainings = 0;  // from 1: folds, times settings and inner folds
  std::size_t partition = 0;                    // from 0: of those given
  bool selecting = false;                       // on inner folds
  FinetuneProgress now;                         // of this training
  int max_epochs = 0;
  std::size_t examples_done = 0;  // by this call, resumed trainings not counted
  double most_examples_left = 0;  // about; fewer where trainings stop early
};

struct FinetuneCrossValidationCallbacks {
  std::function<void(const FinetuneCrossValidationProgress&)> on_batch;  // may throw
  // After each partition, with the scores of its test clips; `taken`: from the work folder.
  std::function<void(std::size_t partition, const FoldReport& fold, bool taken)> on_partition;
};

// About how many examples, each as often as it is seen, all trainings take where none stops early.
double most_examples(const FeatureSet& logmels, std::span<const Partition> partitions,
                     const FinetuneCrossValidation& options);

// Fine-tunes `start` anew on the training clips of every partition, one after the other, and
// predicts its test clips, which choose nothing: a report per setting, or one with selection.
// Examples are as finetune() takes them. The same seed gives the same reports, bit for bit, also
// where the run was killed at any moment and resumed. Throws what finetune(), stratified_folds()
// (for inner folds) and read_finished_fold() throw.
std::vector<CrossValidationReport> cross_validate_finetuning(
    TrainingBackend& backend, const FinetuneStart& start, const FeatureSet& logmels,
    std::span<const Partition> partitions, const FinetuneCrossValidation& options,
    const FinetuneCrossValidationCallbacks& callbacks = {});

}  // namespace vggroove

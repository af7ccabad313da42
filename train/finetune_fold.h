#pragma once

#include <cstddef>
#include <cstdint>
#include <filesystem>
#include <functional>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "engine/nets/vggish_training.h"
#include "train/feature_set.h"
#include "train/finetune.h"

namespace vggroove {

// Where the trainings of a cross-validation begin: a network without a head. A head is made anew
// for every training: one that came with the body may have learnt from the clips to be tested.
struct FinetuneStart {
  TrainingNet net;
  std::function<void(VggishTraining&)> load_body;  // sets all parameters of the body
};

// One training and the predictions of clips that it was made without.
struct FinetuneFold {
  std::span<const std::size_t> train, validation, test;  // clips
  FinetuneOptions training;                              // with the seed of this fold
};

struct FinetunedFold {
  std::vector<FinetuneEpoch> epochs;
  // [rows of the test clips, K], one clip after the other: by the best epoch, the one of the least
  // validation loss; without validation clips by the last.
  std::vector<float> segment_probabilities;
};

struct FinetuneFoldFiles {
  // The result, as small as its predictions; beside it FILE.checkpoint while the training goes on.
  // Empty: neither is written.
  std::filesystem::path result;
  bool resume = false;  // take the result, or go on from the checkpoint, where there is one
};

// Names what a training depends on besides its FinetuneFold: the body (as the network has it), the
// rows, the labels, the precision.
std::string identity_of(TrainingBackend& backend, VggishTraining& net, const FeatureSet& logmels);

// The stored result of a finished fold, or none. `run` is what identity_of() gave.
// Throws Error: kUsage (the result of a fold with other options, data or base), kCorrupt, kIo.
std::optional<FinetunedFold> read_finished_fold(const FinetuneFoldFiles& files,
                                                const std::string& run, const FeatureSet& logmels,
                                                const FinetuneFold& fold);

// Trains the body of `start` with a fresh head in `net`, as finetune() does, and predicts the test
// clips: they choose nothing. The same seed gives the same bits, also in a run that was killed at
// any moment and resumed. Throws what finetune() and read_finished_fold() throw.
FinetunedFold run_fold(TrainingBackend& backend, VggishTraining& net, const FinetuneStart& start,
                       const FeatureSet& logmels, const FinetuneFold& fold, const std::string& run,
                       const FinetuneFoldFiles& files,
                       const std::function<void(const FinetuneProgress&)>& on_batch);

}  // namespace vggroove

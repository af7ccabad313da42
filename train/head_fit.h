#pragma once

#include <cstddef>
#include <cstdint>
#include <functional>
#include <span>
#include <vector>

#include "engine/heads/head_training_backend.h"
#include "train/feature_set.h"
#include "train/head_trainer.h"

namespace vggroove {

struct HeadFitOptions {
  HeadTrainingOptions training;
  // Heads to train, each with its own initial weights and its own validation clips; the result is
  // the mean of their logits. The validation clips of one are training clips of others.
  int num_members = 5;
  // Of the clips, for early stopping. 0: none is kept aside and every epoch is run.
  double validation_fraction = 0.15;
  bool grouped = false;  // keep the groups of the data on one side of the validation split
  HeadTrainingBackend* device = nullptr;  // what trains; null: the processor
};

struct FittedHead {
  struct Member {
    std::size_t num_train_clips = 0, num_validation_clips = 0;
    int best_epoch = 0;             // from 1
    std::vector<HeadEpoch> epochs;  // the learning curve
    const HeadEpoch& best() const { return epochs[static_cast<std::size_t>(best_epoch - 1)]; }
  };
  DenseHead head;
  std::vector<Member> members;
};

struct TrainingSplit {
  std::vector<std::size_t> train, validation;  // clips
};
// `clips`, of which about `fraction` are held out (stratified_holdout()); grouped: groups stay
// together.
TrainingSplit hold_out(const FeatureSet& features, std::span<const std::size_t> clips,
                       double fraction, bool grouped, std::uint64_t seed);

// Trains on `clips`; the validation clips are those given or, where none are given, chosen from
// `clips` for every member. Early stopping and nothing else looks at them. Members are trained in
// `num_threads` threads (0: one per core), or together on options.device; the result does not
// depend on the number of threads.
// on_epoch is called from one thread at a time. Throws what train_head() throws, and the device.
FittedHead fit_head(const FeatureSet& features, std::span<const std::size_t> clips,
                    std::span<const std::size_t> validation_clips, const HeadFitOptions& options,
                    int num_threads = 0,
                    const std::function<void(int member, const HeadEpoch&)>& on_epoch = {});

// The same for several settings of the training, all with options.training.seed: what is the same
// for all (rows, standardisation, orders) is made once. Each result has the bits of fit_head() with
// that setting as options.training.
std::vector<FittedHead> fit_heads(
    const FeatureSet& features, std::span<const std::size_t> clips,
    std::span<const std::size_t> validation_clips, const HeadFitOptions& options,
    std::span<const HeadTrainingOptions> settings, int num_threads = 0,
    const std::function<void(int member, const HeadEpoch&)>& on_epoch = {});

// What fit_heads() takes, for one set of clips.
struct HeadFit {
  std::span<const std::size_t> clips, validation_clips;
  std::span<const HeadTrainingOptions> settings;
  std::uint64_t seed = 0;  // in place of options.training.seed
};
// fit_heads() for many sets of clips, [fits][settings]; on options.device all train together.
// on_epoch's first argument is an index into `fits`.
std::vector<std::vector<FittedHead>> fit_all_heads(
    const FeatureSet& features, std::span<const HeadFit> fits, const HeadFitOptions& options,
    int num_threads = 0,
    const std::function<void(std::size_t fit, int member, const HeadEpoch&)>& on_epoch = {});

// One head whose logits are the mean of the logits of `heads` (at least one; of one kind: same
// sizes, labels, decision, input form), but for rounding: hidden layers side by side, the
// standardisations of the others rewritten in terms of the first one's.
DenseHead mean_of_heads(std::span<const DenseHead> heads);

}  // namespace vggroove

#pragma once

#include <cstddef>
#include <cstdint>
#include <functional>
#include <span>
#include <string_view>
#include <vector>

#include "engine/heads/dense_head.h"
#include "train/feature_set.h"

namespace vggroove {

enum class InitialWeights {
  // Hidden weights normal, after He et al. 2015; logits 0, so that every class begins equally
  // likely.
  kHe,
  // All weights and biases uniform within sqrt(6 / (inputs + outputs)) of their layer, as
  // scikit-learn's MLPClassifier begins (Glorot and Bengio 2010).
  kGlorot,
};

std::string_view initial_weights_name(InitialWeights initial);  // "he", "glorot"

struct HeadTrainingOptions {
  int num_hidden = 100;  // as the original's demo head; 0: logistic regression
  InitialWeights initial_weights = InitialWeights::kHe;
  double dropout = 0.5;
  double learning_rate = 1e-3;
  double weight_decay = 0.1;  // of the weights, not of the biases
  double label_smoothing = 0;
  int batch_size = 128;  // rows
  int max_epochs = 200;
  // Epochs without a better validation loss before stopping; 0: never stop early.
  int patience = 10;
  std::uint64_t seed = 0;
  ClipDecision decision = ClipDecision::kMeanProbability;
};

struct HeadEpoch {
  int epoch = 0;  // from 1
  double train_loss = 0;
  double validation_loss = 0;      // per clip; NaN without validation clips
  double validation_accuracy = 0;  // per clip; NaN without validation clips
};

struct TrainedHead {
  DenseHead head;  // of the best epoch: least validation loss; without validation clips the last
  int best_epoch = 0;
  std::vector<HeadEpoch> epochs;
};

// Trains a head on the rows of train_clips with Adam (decoupled weight decay), cross-entropy per
// row. Standardisation is computed on the training rows alone. The same seed gives the same bits.
// A class without training clips keeps its logit, which learns to be small.
// Throws Error: kUsage (options out of range, naming them; no training clip), kInvalid (a feature
// that is not finite, naming the clip; a loss that is not finite: the learning rate is too high).
TrainedHead train_head(const FeatureSet& features, std::span<const std::size_t> train_clips,
                       std::span<const std::size_t> validation_clips,
                       const HeadTrainingOptions& options,
                       const std::function<void(const HeadEpoch&)>& on_epoch = {});

// The same for several settings on the same clips. What they share is made once: the rows and their
// standardisation, and for those of one seed the order of each epoch. Each result has the bits of
// train_head() with that setting. on_epoch's first argument is an index into `settings`.
std::vector<TrainedHead> train_heads(
    const FeatureSet& features, std::span<const std::size_t> train_clips,
    std::span<const std::size_t> validation_clips, std::span<const HeadTrainingOptions> settings,
    const std::function<void(std::size_t setting, const HeadEpoch&)>& on_epoch = {});

}  // namespace vggroove

#pragma once

#include <cstddef>
#include <cstdint>
#include <limits>
#include <span>
#include <vector>

#include "train/augmentation.h"
#include "train/feature_set.h"
#include "train/finetune_options.h"

namespace vggroove {

// A place in the data: log-mel examples as a FeatureSet. A row is one example [frames, bands], and
// the rows of a clip are one piece of spectrogram without gaps, so that an example can begin at any
// of its frames.
struct TrainingRow {
  std::size_t clip = 0, row = 0;
};

struct TrainingBatch {
  std::vector<float> logmel;   // [n, frames, bands]
  std::vector<float> targets;  // [n, K]: smoothed, times the weights of the classes
  std::vector<int> labels;     // [n]: of the example, or of mixup's larger part
};

// Which examples of a batch: [first, end), cut at its end.
struct BatchPart {
  std::size_t first = 0, end = std::numeric_limits<std::size_t>::max();
};

// The examples `rows`, augmented; of them `part`, as it is in the whole batch. All randomness is of
// (seed, epoch, position): the place in the epoch of the first row. class_weights [K]. Throws
// nothing.
TrainingBatch make_batch(const FeatureSet& logmels, const ExampleShape& shape,
                         std::span<const TrainingRow> rows, std::span<const double> class_weights,
                         const FinetuneOptions& options, int epoch, std::size_t position,
                         const BatchPart& part = {});

// Weights that make the classes of these clips' examples count the same; their mean over the
// examples is 1. A class without examples has weight 0.
std::vector<double> balanced_class_weights(const FeatureSet& logmels,
                                           std::span<const std::size_t> clips);

// The order of an epoch, the same for the same seed: all rows of the clips, shuffled.
std::vector<TrainingRow> shuffled_rows(const FeatureSet& logmels,
                                       std::span<const std::size_t> clips, std::uint64_t seed,
                                       int epoch);

// A seed of its own for the dropout of each batch.
std::uint64_t dropout_seed(std::uint64_t seed, int epoch, std::size_t position);

}  // namespace vggroove

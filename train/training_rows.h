#pragma once

#include <cstddef>
#include <cstdint>
#include <span>
#include <vector>

#include "engine/heads/dense_head.h"
#include "train/feature_set.h"

namespace vggroove {

// The rows of some clips, one clip after the other, as heads see them.
struct TrainingRows {
  std::vector<float> inputs;             // [n, D]
  std::vector<int> labels;               // [n]
  std::vector<std::size_t> clip_starts;  // [clips + 1]: where the rows of each clip begin and end
  std::vector<int> clip_labels;          // [clips]
  std::size_t num_features = 0;          // D

  std::size_t size() const { return labels.size(); }
};

// Throws Error(kInvalid) naming the clip that has a feature that is not finite.
TrainingRows gather_rows(const FeatureSet& features, std::span<const std::size_t> clips);

// The mean and the scale (1 / standard deviation) of every feature over the rows, into `head`. A
// feature that varies by less than fp32 can tell is constant and keeps its scale.
void measure_standardisation(DenseHead& head, const TrainingRows& rows);

// inputs = (inputs - head.mean) * head.scale
void standardise(TrainingRows& rows, const DenseHead& head);

// The rows in the order of an epoch; that of the last (seed, epoch) asked for is kept, so that all
// trainings of a seed share it. `rows` must outlive this.
class ShuffledRows {
 public:
  explicit ShuffledRows(const TrainingRows& rows) : rows_(rows) {}

  struct View {
    const float* inputs;  // [n, D]
    const int* labels;    // [n]
  };
  View of_epoch(std::uint64_t seed, int epoch);

 private:
  const TrainingRows& rows_;
  std::uint64_t seed_ = 0;
  int epoch_ = 0;  // 0: none yet
  std::vector<float> inputs_;
  std::vector<int> labels_;
};

}  // namespace vggroove

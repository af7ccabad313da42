#pragma once

#include <cstddef>
#include <cstdint>
#include <map>
#include <span>
#include <vector>

#include "engine/backends/cpu/head_step.h"
#include "engine/device/aligned_vector.h"
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

// A head for these rows: its labels, the form and the standardisation of its inputs, no layers yet.
// Throws Error(kUsage) where there are no rows.
DenseHead blank_head(const FeatureSet& features, const TrainingRows& rows);

// inputs = (inputs - head.mean) * head.scale
void standardise(TrainingRows& rows, const DenseHead& head);

// The order of n rows in an epoch, from 1.
std::vector<std::size_t> epoch_order(std::size_t n, std::uint64_t seed, int epoch);

// The rows in the order of an epoch, in batches; those of the last (seed, epoch) asked for are kept
// for each batch size, so that all trainings of a seed share them. `rows` must outlive this.
class ShuffledRows {
 public:
  explicit ShuffledRows(const TrainingRows& rows) : rows_(rows) {}

  std::span<const cpu::HeadBatch> batches(std::uint64_t seed, int epoch, std::size_t batch_size);

 private:
  struct Epoch {
    std::uint64_t seed = 0;
    int number = 0;  // 0: none yet
    AlignedVector<float> inputs, transposed;
    std::vector<int> labels;
    std::vector<cpu::HeadBatch> batches;
  };
  void shuffle(Epoch& epoch, std::size_t batch_size) const;

  const TrainingRows& rows_;
  std::map<std::size_t, Epoch> epochs_;  // by batch size
};

}  // namespace vggroove

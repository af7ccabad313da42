#pragma once

#include <cstdint>
#include <span>
#include <vector>

#include "engine/heads/dense_head.h"
#include "engine/heads/head_layers.h"
#include "train/head_trainer.h"
#include "train/training_rows.h"

namespace vggroove {

// Throws Error(kUsage) that names an option out of range.
void check_options(const HeadTrainingOptions& options);

// The parameters before the first step, [num_parameters()], as HeadParameters::within.
std::vector<float> initial_parameters(const HeadShape& shape, const HeadTrainingOptions& options);

// The stream of Random(seed, ...) that says which units fall in an epoch (from 1).
std::uint64_t dropout_stream(int epoch);

// One head on its way through its epochs, whatever device computes them: which is the best so far,
// and when to stop.
class HeadProgress {
 public:
  // blank: a head with everything but its layers.
  HeadProgress(const DenseHead& blank, const HeadTrainingOptions& options);

  const HeadShape& shape() const { return shape_; }
  const HeadTrainingOptions& options() const { return options_; }
  int next_epoch() const { return static_cast<int>(result_.epochs.size()) + 1; }
  bool done() const { return done_; }
  const HeadEpoch& last_epoch() const { return result_.epochs.back(); }

  // Judges the epoch by its loss and by the logits [n, K] of the rows of the validation clips.
  // Returns whether it is the best so far: then keep() must follow. finite: whether the parameters
  // are. Throws Error(kInvalid) where they, or the loss, are not.
  bool finish_epoch(double train_loss, bool finite, std::vector<float> validation_logits,
                    const TrainingRows& validation);
  // parameters [num_parameters()] after the epoch just finished
  void keep(std::span<const float> parameters);

  TrainedHead take_result() { return std::move(result_); }

 private:
  DenseHead blank_;
  HeadTrainingOptions options_;
  HeadShape shape_;
  TrainedHead result_;
  bool done_ = false;
};

}  // namespace vggroove

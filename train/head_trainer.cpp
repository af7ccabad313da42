#include "train/head_trainer.h"

#include <algorithm>
#include <cmath>
#include <span>
#include <utility>

#include "engine/backends/cpu/head_step.h"
#include "engine/heads/head_layers.h"
#include "train/adam.h"
#include "train/head_progress.h"
#include "train/random.h"
#include "train/training_rows.h"

namespace vggroove {
namespace {

// The parameters in training and what a batch needs.
class HeadTraining {
 public:
  HeadTraining(const HeadShape& shape, const HeadTrainingOptions& options,
               const std::vector<float>& initial)
      : layout_(shape),
        options_(options),
        parameters_(layout_.size()),
        gradient_(layout_.size()),
        adam_(options.learning_rate, weight_decays(layout_, options)),
        step_(layout_) {
    layout_.pack(parameters_, initial);
  }

  // One pass over the batches of an epoch; the mean loss of its rows.
  double run_epoch(std::span<const cpu::HeadBatch> batches, int epoch) {
    Random dropout(options_.seed, dropout_stream(epoch));
    double loss = 0, num_rows = 0;
    for (const cpu::HeadBatch& batch : batches) {
      const auto count = static_cast<double>(batch.count);
      loss +=
          count * step_.loss_and_gradient(gradient_.data(), parameters_.data(), batch,
                                          draw_dropout(batch, dropout), options_.label_smoothing);
      num_rows += count;
      adam_.step(parameters_, gradient_);
    }
    return loss / num_rows;
  }

  bool is_finite() const {
    const auto biases =
        std::span(layout_.within(parameters_.data()).logits_biases, layout_.shape().classes);
    return std::all_of(biases.begin(), biases.end(), [](float b) { return std::isfinite(b); });
  }

  std::vector<float> parameters() const {  // in the order of HeadParameters
    std::vector<float> flat(layout_.shape().num_parameters());
    layout_.unpack(flat, parameters_);
    return flat;
  }

 private:
  static AlignedVector<float> weight_decays(const cpu::HeadLayout& layout,
                                            const HeadTrainingOptions& options) {
    AlignedVector<float> decays(layout.size());
    const auto parts = layout.within(decays.data());
    const auto decay = static_cast<float>(options.weight_decay);
    std::fill(parts.hidden_weights, parts.hidden_biases, decay);
    std::fill(parts.logits_weights, parts.logits_biases, decay);
    return decays;
  }

  // Multipliers of the hidden units, [panels][H][32 examples]; null without dropout.
  const float* draw_dropout(const cpu::HeadBatch& batch, Random& dropout) {
    const std::size_t hidden = layout_.shape().hidden;
    if (options_.dropout == 0 || hidden == 0) {
      return nullptr;
    }
    const auto kept = static_cast<float>(1 / (1 - options_.dropout));
    keep_.resize(batch.num_panels() * cpu::kHeadPanel * hidden);
    // Drawn example by example, so that no layout decides which units fall. Without a branch: one
    // in two would be predicted wrongly, 4 ms per epoch of 400 000 units.
    for (std::size_t row = 0; row < batch.count; ++row) {
      const std::size_t panel = row / cpu::kHeadPanel;
      float* const of_row = keep_.data() + panel * cpu::kHeadPanel * hidden + row % cpu::kHeadPanel;
      for (std::size_t unit = 0; unit < hidden; ++unit) {
        of_row[unit * cpu::kHeadPanel] =
            kept * static_cast<float>(dropout.uniform() >= options_.dropout);
      }
    }
    return keep_.data();
  }

  const cpu::HeadLayout layout_;
  const HeadTrainingOptions options_;
  AlignedVector<float> parameters_, gradient_;
  Adam adam_;
  cpu::HeadStep step_;
  AlignedVector<float> keep_;  // of a batch
};

// logits [n, K] of standardised inputs
std::vector<float> logits_of(const std::vector<float>& parameters, const HeadShape& shape,
                             const TrainingRows& rows) {
  std::vector<float> hidden(rows.size() * shape.hidden), logits(rows.size() * shape.classes);
  head_logits<float>(logits.data(), hidden.data(), rows.inputs.data(), nullptr,
                     HeadParameters<const float>::within(parameters.data(), shape), shape,
                     rows.size());
  return logits;
}

// One setting on its way.
struct Candidate {
  HeadProgress progress;
  HeadTraining training;
};

void run_epoch(Candidate& candidate, ShuffledRows& shuffled, const TrainingRows& validation) {
  HeadProgress& progress = candidate.progress;
  const HeadTrainingOptions& options = progress.options();
  const int number = progress.next_epoch();
  const double loss = candidate.training.run_epoch(
      shuffled.batches(options.seed, number, static_cast<std::size_t>(options.batch_size)), number);
  std::vector<float> logits;
  if (validation.size() > 0) {
    logits = logits_of(candidate.training.parameters(), progress.shape(), validation);
  }
  if (progress.finish_epoch(loss, candidate.training.is_finite(), std::move(logits), validation)) {
    progress.keep(candidate.training.parameters());
  }
}

}  // namespace

std::string_view initial_weights_name(InitialWeights initial) {
  return initial == InitialWeights::kHe ? "he" : "glorot";
}

TrainedHead train_head(const FeatureSet& features, std::span<const std::size_t> train_clips,
                       std::span<const std::size_t> validation_clips,
                       const HeadTrainingOptions& options,
                       const std::function<void(const HeadEpoch&)>& on_epoch) {
  const auto on_epoch_of_setting = [&on_epoch](std::size_t, const HeadEpoch& epoch) {
    if (on_epoch) {
      on_epoch(epoch);
    }
  };
  return std::move(
      train_heads(features, train_clips, validation_clips, {&options, 1}, on_epoch_of_setting)
          .front());
}

std::vector<TrainedHead> train_heads(
    const FeatureSet& features, std::span<const std::size_t> train_clips,
    std::span<const std::size_t> validation_clips, std::span<const HeadTrainingOptions> settings,
    const std::function<void(std::size_t setting, const HeadEpoch&)>& on_epoch) {
  for (const HeadTrainingOptions& options : settings) {
    check_options(options);
  }
  TrainingRows rows = gather_rows(features, train_clips);
  TrainingRows validation = gather_rows(features, validation_clips);
  const DenseHead head = blank_head(features, rows);
  standardise(rows, head);
  standardise(validation, head);

  std::vector<Candidate> candidates;
  candidates.reserve(settings.size());
  std::vector<float> initial;
  const HeadTrainingOptions* previous = nullptr;
  for (const HeadTrainingOptions& options : settings) {
    const HeadProgress progress(head, options);
    if (previous == nullptr || options.num_hidden != previous->num_hidden ||
        options.seed != previous->seed || options.initial_weights != previous->initial_weights) {
      initial = initial_parameters(progress.shape(), options);
    }
    previous = &options;
    candidates.push_back({progress, {progress.shape(), options, initial}});
  }
  // Epoch by epoch, all settings on the same shuffled rows. Within an epoch one setting at a time:
  // its parameters, gradient and moments (4 x 56 kB at 100 hidden units) then stay in the second
  // cache, which those of 20 settings in step would not.
  ShuffledRows shuffled(rows);
  std::size_t num_training = candidates.size();
  while (num_training > 0) {
    for (std::size_t s = 0; s < candidates.size(); ++s) {
      HeadProgress& progress = candidates[s].progress;
      if (progress.done()) {
        continue;
      }
      run_epoch(candidates[s], shuffled, validation);
      num_training -= progress.done() ? 1 : 0;
      if (on_epoch) {
        on_epoch(s, progress.last_epoch());
      }
    }
  }
  std::vector<TrainedHead> results;
  results.reserve(candidates.size());
  for (Candidate& candidate : candidates) {
    results.push_back(candidate.progress.take_result());
  }
  return results;
}

}  // namespace vggroove

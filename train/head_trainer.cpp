#include "train/head_trainer.h"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <limits>
#include <span>
#include <utility>

#include "base/error.h"
#include "engine/backends/cpu/head_step.h"
#include "engine/heads/head_layers.h"
#include "train/adam.h"
#include "train/metrics.h"
#include "train/predict_clips.h"
#include "train/random.h"
#include "train/training_rows.h"

namespace vggroove {
namespace {

// Streams of a seed; those of the orders are in training_rows.cpp.
constexpr std::uint64_t kInitialWeights = 0;
std::uint64_t dropout_stream(int epoch) {  // epochs count from 1
  return 2 * static_cast<std::uint64_t>(epoch) + 1;
}

void check_option(bool good, const char* name, double value, const char* range) {
  if (!good) {
    throw Error(ErrorClass::kUsage,
                fmt::format("training: {} is {}, but must be {}", name, value, range));
  }
}

void check_options(const HeadTrainingOptions& o) {
  constexpr int kMaxHidden = 1 << 16;  // 34 MB of weights for 128 inputs: surely a mistake
  check_option(o.num_hidden >= 0 && o.num_hidden <= kMaxHidden, "the number of hidden units",
               o.num_hidden, "0 .. 65536");
  check_option(o.dropout >= 0 && o.dropout < 1, "the dropout", o.dropout, "0 <= dropout < 1");
  check_option(o.learning_rate > 0 && std::isfinite(o.learning_rate), "the learning rate",
               o.learning_rate, "positive");
  check_option(o.weight_decay >= 0 && o.weight_decay * o.learning_rate < 1, "the weight decay",
               o.weight_decay, "at least 0 and less than 1 / learning rate");
  check_option(o.label_smoothing >= 0 && o.label_smoothing < 1, "the label smoothing",
               o.label_smoothing, "0 <= smoothing < 1");
  check_option(o.batch_size >= 1, "the batch size", o.batch_size, "at least 1");
  check_option(o.max_epochs >= 1, "the number of epochs", o.max_epochs, "at least 1");
  check_option(o.patience >= 0, "the patience", o.patience, "at least 0");
}

// The parameters before the first step.
std::vector<float> initial_parameters(const HeadShape& shape, const HeadTrainingOptions& options) {
  std::vector<float> flat(shape.num_parameters());
  const auto parts = HeadParameters<float>::within(flat.data(), shape);
  Random random(options.seed, kInitialWeights);
  if (options.initial_weights == InitialWeights::kHe) {
    const double deviation = std::sqrt(2.0 / static_cast<double>(shape.inputs));
    for (float& weight : std::span(parts.hidden_weights, shape.num_hidden_weights())) {
      weight = static_cast<float>(random.normal() * deviation);
    }
    return flat;
  }
  const auto fill = [&random](float* begin, float* end, std::size_t inputs, std::size_t outputs) {
    const double bound = std::sqrt(6.0 / static_cast<double>(inputs + outputs));
    for (float& parameter : std::span(begin, end)) {
      parameter = static_cast<float>((2 * random.uniform() - 1) * bound);
    }
  };
  if (shape.hidden > 0) {
    fill(parts.hidden_weights, parts.logits_weights, shape.inputs, shape.hidden);
  }
  fill(parts.logits_weights, flat.data() + flat.size(),
       shape.hidden > 0 ? shape.hidden : shape.inputs, shape.classes);
  return flat;
}

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
    if (options_.dropout == 0) {
      return nullptr;
    }
    const std::size_t hidden = layout_.shape().hidden;
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

void copy_parameters(DenseHead& head, const HeadShape& shape, const std::vector<float>& flat) {
  const auto from = HeadParameters<const float>::within(flat.data(), shape);
  head.num_inputs = static_cast<int>(shape.inputs);
  head.num_hidden = static_cast<int>(shape.hidden);
  head.hidden_weights.assign(from.hidden_weights, from.hidden_biases);
  head.hidden_biases.assign(from.hidden_biases, from.logits_weights);
  head.logits_weights.assign(from.logits_weights, from.logits_biases);
  head.logits_biases.assign(from.logits_biases, flat.data() + flat.size());
}

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
  HeadShape shape;
  HeadTraining training;
  DenseHead head;  // its standardisation and its names; the parameters are those of `training`
  TrainedHead result;
  bool done = false;
};

// Fills in the validation part of the epoch.
void validate(HeadEpoch& epoch, const Candidate& candidate, const TrainingRows& rows) {
  const DenseHead& head = candidate.head;
  std::vector<float> logits = logits_of(candidate.training.parameters(), candidate.shape, rows);
  const Metrics metrics =
      compute_metrics(rows.clip_labels, clips_of_logits(head, std::move(logits), rows.clip_starts),
                      head.num_classes());
  epoch.validation_loss = metrics.log_loss;
  epoch.validation_accuracy = metrics.accuracy;
}

void run_epoch(Candidate& candidate, const HeadTrainingOptions& options, int number,
               ShuffledRows& shuffled, const TrainingRows& validation) {
  constexpr double kNone = std::numeric_limits<double>::quiet_NaN();
  const std::span<const cpu::HeadBatch> batches =
      shuffled.batches(options.seed, number, static_cast<std::size_t>(options.batch_size));
  HeadEpoch epoch{.epoch = number,
                  .train_loss = candidate.training.run_epoch(batches, number),
                  .validation_loss = kNone,
                  .validation_accuracy = kNone};
  if (!std::isfinite(epoch.train_loss) || !candidate.training.is_finite()) {
    throw Error(ErrorClass::kInvalid,
                fmt::format("training diverged in epoch {}: the loss is not finite; lower the "
                            "learning rate ({})",
                            number, options.learning_rate));
  }
  TrainedHead& result = candidate.result;
  bool better = number == options.max_epochs;  // nothing to choose by: the last
  if (validation.size() > 0) {
    validate(epoch, candidate, validation);
    better = result.epochs.empty() ||
             epoch.validation_loss <
                 result.epochs[static_cast<std::size_t>(result.best_epoch - 1)].validation_loss;
  }
  if (better) {
    result.best_epoch = number;
    result.head = candidate.head;
    copy_parameters(result.head, candidate.shape, candidate.training.parameters());
  }
  result.epochs.push_back(epoch);
  const bool stops = validation.size() > 0 && options.patience > 0 &&
                     number - result.best_epoch >= options.patience;
  candidate.done = number == options.max_epochs || stops;
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
  if (rows.size() == 0) {
    throw Error(ErrorClass::kUsage, "training: there is no training clip");
  }
  DenseHead head;
  head.labels = features.labels;
  head.input_form = features.input_form;
  measure_standardisation(head, rows);
  standardise(rows, head);
  standardise(validation, head);

  std::vector<Candidate> candidates;
  candidates.reserve(settings.size());
  std::vector<float> initial;
  const HeadTrainingOptions* previous = nullptr;
  for (const HeadTrainingOptions& options : settings) {
    head.decision = options.decision;
    const HeadShape shape{rows.num_features, static_cast<std::size_t>(options.num_hidden),
                          features.labels.size()};
    if (previous == nullptr || options.num_hidden != previous->num_hidden ||
        options.seed != previous->seed || options.initial_weights != previous->initial_weights) {
      initial = initial_parameters(shape, options);
    }
    previous = &options;
    candidates.push_back(
        {.shape = shape, .training = {shape, options, initial}, .head = head, .result = {}});
  }
  // Epoch by epoch, all settings on the same shuffled rows. Within an epoch one setting at a time:
  // its parameters, gradient and moments (4 x 56 kB at 100 hidden units) then stay in the second
  // cache, which those of 20 settings in step would not.
  ShuffledRows shuffled(rows);
  std::size_t num_training = candidates.size();
  for (int number = 1; num_training > 0; ++number) {
    for (std::size_t s = 0; s < candidates.size(); ++s) {
      if (candidates[s].done) {
        continue;
      }
      run_epoch(candidates[s], settings[s], number, shuffled, validation);
      num_training -= candidates[s].done ? 1 : 0;
      if (on_epoch) {
        on_epoch(s, candidates[s].result.epochs.back());
      }
    }
  }
  std::vector<TrainedHead> results;
  results.reserve(candidates.size());
  for (Candidate& candidate : candidates) {
    results.push_back(std::move(candidate.result));
  }
  return results;
}

}  // namespace vggroove

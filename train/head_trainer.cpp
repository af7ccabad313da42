#include "train/head_trainer.h"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <limits>
#include <utility>

#include "base/error.h"
#include "engine/heads/dense_layer.h"
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

// The parameters in training and what a batch needs.
class HeadTraining {
 public:
  HeadTraining(const HeadShape& shape, const HeadTrainingOptions& options)
      : shape_(shape),
        options_(options),
        parameters_(shape.num_parameters()),
        gradient_(shape.num_parameters()),
        adam_(options.learning_rate, weight_decays(shape, options)) {
    // He et al. 2015 before a ReLU. The logits start at 0: every class equally likely.
    Random random(options.seed, kInitialWeights);
    const double deviation = std::sqrt(2.0 / static_cast<double>(shape.inputs));
    for (std::size_t i = 0; i < shape.num_hidden_weights(); ++i) {
      parameters_[i] = static_cast<float>(random.normal() * deviation);
    }
  }

  // One pass over `n` rows in the order given; the mean loss of its batches.
  double run_epoch(ShuffledRows::View rows, std::size_t n, int epoch) {
    const auto batch_size = static_cast<std::size_t>(options_.batch_size);
    Random dropout(options_.seed, dropout_stream(epoch));
    double loss = 0;
    for (std::size_t first = 0; first < n; first += batch_size) {
      const std::size_t count = std::min(batch_size, n - first);
      loss += run_batch(rows.inputs + first * shape_.inputs, rows.labels + first, count, dropout) *
              static_cast<double>(count) / static_cast<double>(n);
    }
    return loss;
  }

  // logits [n, K] of standardised inputs, without dropout.
  void logits(const TrainingRows& rows, std::vector<float>& logits) {
    std::vector<float> hidden(rows.size() * shape_.hidden);
    logits.resize(rows.size() * shape_.classes);
    head_logits<float>(logits.data(), hidden.data(), rows.inputs.data(), nullptr,
                       HeadParameters<const float>::within(parameters_.data(), shape_), shape_,
                       rows.size());
  }

  void copy_into(DenseHead& head) const {
    const auto from = HeadParameters<const float>::within(parameters_.data(), shape_);
    head.num_inputs = static_cast<int>(shape_.inputs);
    head.num_hidden = static_cast<int>(shape_.hidden);
    head.hidden_weights.assign(from.hidden_weights, from.hidden_biases);
    head.hidden_biases.assign(from.hidden_biases, from.logits_weights);
    head.logits_weights.assign(from.logits_weights, from.logits_biases);
    head.logits_biases.assign(from.logits_biases, parameters_.data() + parameters_.size());
  }

 private:
  static std::vector<float> weight_decays(const HeadShape& shape,
                                          const HeadTrainingOptions& options) {
    std::vector<float> decays(shape.num_parameters());
    const auto parts = HeadParameters<float>::within(decays.data(), shape);
    const auto decay = static_cast<float>(options.weight_decay);
    std::fill(parts.hidden_weights, parts.hidden_biases, decay);
    std::fill(parts.logits_weights, parts.logits_biases, decay);
    return decays;
  }

  double run_batch(const float* inputs, const int* labels, std::size_t count, Random& dropout) {
    const std::size_t num_units = count * shape_.hidden;
    hidden_.resize(num_units);
    grad_hidden_.resize(num_units);
    logits_.resize(count * shape_.classes);
    const float* keep = nullptr;
    if (options_.dropout > 0) {
      const auto kept = static_cast<float>(1 / (1 - options_.dropout));
      keep_.resize(num_units);
      // Without a branch: one in two would be predicted wrongly, 4 ms per epoch of 400 000 units.
      for (float& factor : keep_) {
        factor = kept * static_cast<float>(dropout.uniform() >= options_.dropout);
      }
      keep = keep_.data();
    }
    const auto parameters = HeadParameters<const float>::within(parameters_.data(), shape_);
    head_logits(logits_.data(), hidden_.data(), inputs, keep, parameters, shape_, count);
    const double loss = softmax_cross_entropy(logits_.data(), logits_.data(), labels,
                                              options_.label_smoothing, count, shape_.classes);
    head_logits_bwd(HeadParameters<float>::within(gradient_.data(), shape_), grad_hidden_.data(),
                    logits_.data(), hidden_.data(), inputs, keep, parameters, shape_, count);
    adam_.step(parameters_, gradient_);
    return loss;
  }

  const HeadShape shape_;
  const HeadTrainingOptions options_;
  std::vector<float> parameters_, gradient_;
  Adam adam_;
  std::vector<float> keep_, hidden_, grad_hidden_, logits_;  // of a batch
};

// Fills in the validation part of the epoch; NaN without validation rows.
void validate(HeadEpoch& epoch, const DenseHead& head, HeadTraining& training,
              const TrainingRows& rows) {
  epoch.validation_loss = epoch.validation_accuracy = std::numeric_limits<double>::quiet_NaN();
  if (rows.size() == 0) {
    return;
  }
  std::vector<float> logits;
  training.logits(rows, logits);
  const Metrics metrics =
      compute_metrics(rows.clip_labels, clips_of_logits(head, std::move(logits), rows.clip_starts),
                      head.num_classes());
  epoch.validation_loss = metrics.log_loss;
  epoch.validation_accuracy = metrics.accuracy;
}

// One setting on its way.
struct Candidate {
  HeadTraining training;
  DenseHead head;  // of the last epoch
  TrainedHead result;
  bool done = false;
};

void run_epoch(Candidate& candidate, const HeadTrainingOptions& options, int number,
               ShuffledRows& shuffled, std::size_t num_rows, const TrainingRows& validation) {
  HeadEpoch epoch{.epoch = number,
                  .train_loss = candidate.training.run_epoch(
                      shuffled.of_epoch(options.seed, number), num_rows, number)};
  candidate.training.copy_into(candidate.head);
  const std::vector<float>& biases = candidate.head.logits_biases;
  if (!std::isfinite(epoch.train_loss) ||
      !std::all_of(biases.begin(), biases.end(), [](float b) { return std::isfinite(b); })) {
    throw Error(ErrorClass::kInvalid,
                fmt::format("training diverged in epoch {}: the loss is not finite; lower the "
                            "learning rate ({})",
                            number, options.learning_rate));
  }
  validate(epoch, candidate.head, candidate.training, validation);
  TrainedHead& result = candidate.result;
  const bool better =
      validation.size() == 0 || result.epochs.empty() ||
      epoch.validation_loss <
          result.epochs[static_cast<std::size_t>(result.best_epoch - 1)].validation_loss;
  if (better) {
    result.best_epoch = number;
    result.head = candidate.head;
  }
  result.epochs.push_back(epoch);
  candidate.done = number == options.max_epochs ||
                   (options.patience > 0 && number - result.best_epoch >= options.patience);
}

}  // namespace

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
  for (const HeadTrainingOptions& options : settings) {
    head.decision = options.decision;
    const HeadShape shape{rows.num_features, static_cast<std::size_t>(options.num_hidden),
                          features.labels.size()};
    candidates.push_back({.training = {shape, options}, .head = head, .result = {}});
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
      run_epoch(candidates[s], settings[s], number, shuffled, rows.size(), validation);
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

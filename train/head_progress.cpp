#include "train/head_progress.h"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <limits>
#include <span>
#include <utility>

#include "base/error.h"
#include "train/metrics.h"
#include "train/predict_clips.h"
#include "train/random.h"

namespace vggroove {
namespace {

// Streams of a seed; those of the orders are in training_rows.cpp.
constexpr std::uint64_t kInitialWeights = 0;

void check_option(bool good, const char* name, double value, const char* range) {
  if (!good) {
    throw Error(ErrorClass::kUsage,
                fmt::format("training: {} is {}, but must be {}", name, value, range));
  }
}

}  // namespace

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

std::uint64_t dropout_stream(int epoch) {
  return 2 * static_cast<std::uint64_t>(epoch) + 1;
}

HeadProgress::HeadProgress(const DenseHead& blank, const HeadTrainingOptions& options)
    : blank_(blank),
      options_(options),
      shape_{blank.mean.size(), static_cast<std::size_t>(options.num_hidden), blank.labels.size()} {
  blank_.num_inputs = static_cast<int>(shape_.inputs);
  blank_.num_hidden = options.num_hidden;
  blank_.decision = options.decision;
}

bool HeadProgress::finish_epoch(double train_loss, bool finite,
                                std::vector<float> validation_logits,
                                const TrainingRows& validation) {
  HeadEpoch epoch{.epoch = next_epoch(), .train_loss = train_loss};
  if (!std::isfinite(train_loss) || !finite) {
    throw Error(ErrorClass::kInvalid,
                fmt::format("training diverged in epoch {}: the loss is not finite; lower the "
                            "learning rate ({})",
                            epoch.epoch, options_.learning_rate));
  }
  const bool validates = !validation.clip_labels.empty();
  epoch.validation_loss = epoch.validation_accuracy = std::numeric_limits<double>::quiet_NaN();
  if (validates) {
    const Metrics metrics = compute_metrics(
        validation.clip_labels,
        clips_of_logits(blank_, std::move(validation_logits), validation.clip_starts),
        blank_.num_classes());
    epoch.validation_loss = metrics.log_loss;
    epoch.validation_accuracy = metrics.accuracy;
  }
  bool better = epoch.epoch == options_.max_epochs;  // nothing to choose by: the last
  if (validates) {
    better = result_.epochs.empty() ||
             epoch.validation_loss <
                 result_.epochs[static_cast<std::size_t>(result_.best_epoch - 1)].validation_loss;
  }
  if (better) {
    result_.best_epoch = epoch.epoch;
  }
  result_.epochs.push_back(epoch);
  const bool stops =
      validates && options_.patience > 0 && epoch.epoch - result_.best_epoch >= options_.patience;
  done_ = epoch.epoch == options_.max_epochs || stops;
  return better;
}

void HeadProgress::keep(std::span<const float> parameters) {
  DenseHead& head = result_.head = blank_;
  const auto from = HeadParameters<const float>::within(parameters.data(), shape_);
  head.hidden_weights.assign(from.hidden_weights, from.hidden_biases);
  head.hidden_biases.assign(from.hidden_biases, from.logits_weights);
  head.logits_weights.assign(from.logits_weights, from.logits_biases);
  head.logits_biases.assign(from.logits_biases, parameters.data() + parameters.size());
}

}  // namespace vggroove

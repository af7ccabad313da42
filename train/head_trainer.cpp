#include "train/head_trainer.h"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <limits>
#include <numeric>

#include "base/error.h"
#include "engine/heads/dense_layer.h"
#include "engine/heads/head_layers.h"
#include "train/adam.h"
#include "train/metrics.h"
#include "train/predict_clips.h"
#include "train/random.h"

namespace vggroove {
namespace {

// The streams of a seed: one for the initial weights, two per epoch.
std::uint64_t order_stream(int epoch) {
  return 2 * static_cast<std::uint64_t>(epoch);
}
std::uint64_t dropout_stream(int epoch) {
  return 2 * static_cast<std::uint64_t>(epoch) + 1;
}
constexpr std::uint64_t kInitialWeights = 0;  // epochs count from 1

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

// Rows of the training clips, one after the other.
struct TrainingRows {
  std::vector<float> inputs;  // [n, D]
  std::vector<int> labels;    // [n]
};

TrainingRows gather(const FeatureSet& features, std::span<const std::size_t> clips) {
  TrainingRows rows;
  for (const std::size_t clip : clips) {
    const std::span<const float> of_clip = features.rows_of(clip);
    if (!std::all_of(of_clip.begin(), of_clip.end(), [](float x) { return std::isfinite(x); })) {
      throw Error(ErrorClass::kInvalid,
                  fmt::format("{}: a feature is not finite; leave this clip out of the training",
                              features.clips[clip].id));
    }
    rows.inputs.insert(rows.inputs.end(), of_clip.begin(), of_clip.end());
    rows.labels.insert(rows.labels.end(), features.clips[clip].num_rows,
                       features.clips[clip].label);
  }
  if (rows.labels.empty()) {
    throw Error(ErrorClass::kUsage, "training: there is no training clip");
  }
  return rows;
}

// Sets head.mean and head.scale from the rows, and standardises them in place.
void standardise(DenseHead& head, TrainingRows& rows) {
  const std::size_t n = rows.labels.size(), d = rows.inputs.size() / n;
  std::vector<double> mean(d), variance(d);
  for (std::size_t i = 0; i < n * d; ++i) {
    mean[i % d] += rows.inputs[i] / static_cast<double>(n);
  }
  for (std::size_t i = 0; i < n * d; ++i) {
    const double deviation = rows.inputs[i] - mean[i % d];
    variance[i % d] += deviation * deviation / static_cast<double>(n);
  }
  head.mean.assign(mean.begin(), mean.end());
  head.scale.resize(d);
  for (std::size_t i = 0; i < d; ++i) {
    const double deviation = std::sqrt(variance[i]);
    // A feature that varies by less than fp32 can tell is constant: there is nothing to scale.
    const bool constant = deviation <= std::numeric_limits<float>::epsilon() * std::abs(mean[i]);
    head.scale[i] = constant ? 1.0F : static_cast<float>(1 / deviation);
  }
  for (std::size_t i = 0; i < n * d; ++i) {
    rows.inputs[i] = (rows.inputs[i] - head.mean[i % d]) * head.scale[i % d];
  }
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

  // One pass over the rows in a new order; the mean loss of its batches.
  double run_epoch(const TrainingRows& rows, int epoch) {
    const std::size_t n = rows.labels.size(), d = shape_.inputs;
    std::vector<std::size_t> order(n);
    std::iota(order.begin(), order.end(), std::size_t{0});
    Random(options_.seed, order_stream(epoch)).shuffle(std::span(order));
    Random dropout(options_.seed, dropout_stream(epoch));

    double loss = 0;
    for (std::size_t first = 0; first < n; first += static_cast<std::size_t>(options_.batch_size)) {
      const std::size_t count = std::min(static_cast<std::size_t>(options_.batch_size), n - first);
      inputs_.resize(count * d);
      labels_.resize(count);
      for (std::size_t row = 0; row < count; ++row) {
        const std::size_t from = order[first + row];
        std::copy_n(rows.inputs.data() + from * d, d, inputs_.data() + row * d);
        labels_[row] = rows.labels[from];
      }
      loss += run_batch(count, dropout) * static_cast<double>(count) / static_cast<double>(n);
    }
    return loss;
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

  double run_batch(std::size_t count, Random& dropout) {
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
    head_logits(logits_.data(), hidden_.data(), inputs_.data(), keep, parameters, shape_, count);
    const double loss = softmax_cross_entropy(logits_.data(), logits_.data(), labels_.data(),
                                              options_.label_smoothing, count, shape_.classes);
    head_logits_bwd(HeadParameters<float>::within(gradient_.data(), shape_), grad_hidden_.data(),
                    logits_.data(), hidden_.data(), inputs_.data(), keep, parameters, shape_,
                    count);
    adam_.step(parameters_, gradient_);
    return loss;
  }

  const HeadShape shape_;
  const HeadTrainingOptions options_;
  std::vector<float> parameters_, gradient_;
  Adam adam_;
  std::vector<float> inputs_, keep_, hidden_, grad_hidden_, logits_;  // of a batch
  std::vector<int> labels_;
};

// Fills in the validation part of the epoch; NaN without validation clips.
void validate(HeadEpoch& epoch, const DenseHead& head, const FeatureSet& features,
              std::span<const std::size_t> clips) {
  epoch.validation_loss = epoch.validation_accuracy = std::numeric_limits<double>::quiet_NaN();
  if (clips.empty()) {
    return;
  }
  std::vector<int> truth;
  truth.reserve(clips.size());
  for (const std::size_t clip : clips) {
    truth.push_back(features.clips[clip].label);
  }
  const Metrics metrics =
      compute_metrics(truth, predict_clips(head, features, clips), head.num_classes());
  epoch.validation_loss = metrics.log_loss;
  epoch.validation_accuracy = metrics.accuracy;
}

}  // namespace

TrainedHead train_head(const FeatureSet& features, std::span<const std::size_t> train_clips,
                       std::span<const std::size_t> validation_clips,
                       const HeadTrainingOptions& options,
                       const std::function<void(const HeadEpoch&)>& on_epoch) {
  check_options(options);
  DenseHead head;
  head.labels = features.labels;
  head.decision = options.decision;
  head.input_form = features.input_form;
  TrainingRows rows = gather(features, train_clips);
  standardise(head, rows);
  HeadTraining training({static_cast<std::size_t>(features.num_features),
                         static_cast<std::size_t>(options.num_hidden), features.labels.size()},
                        options);
  TrainedHead result;
  for (int number = 1; number <= options.max_epochs; ++number) {
    HeadEpoch epoch{.epoch = number, .train_loss = training.run_epoch(rows, number)};
    training.copy_into(head);
    if (!std::isfinite(epoch.train_loss) ||
        !std::all_of(head.logits_biases.begin(), head.logits_biases.end(),
                     [](float bias) { return std::isfinite(bias); })) {
      throw Error(ErrorClass::kInvalid,
                  fmt::format("training diverged in epoch {}: the loss is not finite; lower the "
                              "learning rate ({})",
                              number, options.learning_rate));
    }
    validate(epoch, head, features, validation_clips);
    const bool better =
        validation_clips.empty() || result.epochs.empty() ||
        epoch.validation_loss <
            result.epochs[static_cast<std::size_t>(result.best_epoch - 1)].validation_loss;
    if (better) {
      result.best_epoch = number;
      result.head = head;
    }
    result.epochs.push_back(epoch);
    if (on_epoch) {
      on_epoch(epoch);
    }
    if (options.patience > 0 && number - result.best_epoch >= options.patience) {
      break;
    }
  }
  return result;
}

}  // namespace vggroove

#include "train/finetune.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <cmath>
#include <limits>
#include <string>

#include "base/error.h"
#include "engine/device/communicator.h"
#include "engine/device/out_of_device_memory.h"
#include "engine/heads/dense_layer.h"
#include "train/finetune_checkpoint.h"
#include "train/finetune_optimiser.h"
#include "train/metrics.h"

namespace vggroove {
namespace {

ExampleShape example_shape(const TrainingNet& net) {
  const auto& first = std::get<Conv3x3Spec>(net.body.front().spec);
  return {first.height, first.width};
}

// `body` again and again, with ever smaller parts of a batch on the device, until they fit.
template <class Body>
auto with_what_fits(VggishTraining& net, Body body) {
  for (;;) {
    try {
      return body();
    } catch (const OutOfDeviceMemory&) {
      if (!net.halve_max_batch()) {
        throw;
      }
    }
  }
}

class FinetuneRun {
 public:
  FinetuneRun(TrainingBackend& backend, VggishTraining& net, const FeatureSet& logmels,
              std::span<const std::size_t> train_clips,
              std::span<const std::size_t> validation_clips, const FinetuneOptions& options,
              const FinetuneCallbacks& callbacks)
      : backend_(backend),
        processes_(backend.processes()),
        net_(net),
        logmels_(logmels),
        train_clips_(train_clips),
        validation_clips_(validation_clips),
        options_(options),
        callbacks_(callbacks),
        shape_(example_shape(net.net())),
        first_layer_(find_layer(net.net(), options.first_layer)),
        optimiser_(with_what_fits(
            net_, [&] { return FinetuneOptimiser(backend, net, options, first_layer_); })),
        class_weights_(logmels.labels.size(), 1.0) {
    if (options.class_weights) {
      class_weights_ = balanced_class_weights(logmels, train_clips);
    }
    for (const std::size_t clip : train_clips) {
      num_rows_ += logmels.clips[clip].num_rows;
    }
    const std::size_t step_rows = static_cast<std::size_t>(options.batch_size) *
                                  static_cast<std::size_t>(options.accumulation);
    steps_per_epoch_ = static_cast<std::int64_t>((num_rows_ + step_rows - 1) / step_rows);
  }

  std::vector<FinetuneEpoch> run(const FinetuneFiles& files) {
    const bool alone = processes_.size() == 1;
    const std::string identity = files.checkpoint.empty() && alone ? "" : fingerprint();
    if (files.resume) {
      epochs_ = read_checkpoint(files.checkpoint, net_, optimiser_, identity)
                    .value_or(std::vector<FinetuneEpoch>());
    }
    require_what_the_first_process_has(fmt::format("{:>16} {:8}", identity, epochs_.size()));
    for (int epoch = static_cast<int>(epochs_.size()) + 1;
         epoch <= options_.max_epochs && !out_of_patience(); ++epoch) {
      epochs_.push_back(run_epoch(epoch));
      if (callbacks_.on_epoch) {
        callbacks_.on_epoch(epochs_);
      }
      if (!files.checkpoint.empty() && processes_.rank() == 0) {
        write_checkpoint(files.checkpoint, net_, optimiser_, epochs_, identity);
      }
    }
    return std::move(epochs_);
  }

 private:
  // Otherwise they would learn different things together, or wait for each other for ever. `start`
  // has the same length everywhere.
  void require_what_the_first_process_has(const std::string& start) {
    std::string first = start;
    processes_.broadcast(std::as_writable_bytes(std::span(first)));
    if (first != start) {
      throw Error(ErrorClass::kInvalid,
                  fmt::format("process {} of {} has other data, parameters, options or another "
                              "checkpoint than the first; all must read the same files, with one "
                              "version of the program",
                              processes_.rank() + 1, processes_.size()));
    }
  }

  bool head_alone(int epoch) const { return epoch <= options_.head_epochs; }

  bool out_of_patience() const {
    int since_best = 0;
    for (const FinetuneEpoch& epoch : epochs_) {
      since_best = epoch.best ? 0 : since_best + 1;
    }
    return options_.patience > 0 && since_best >= options_.patience;
  }

  FinetuneEpoch run_epoch(int number) {
    with_what_fits(net_, [&] {
      net_.set_first_trainable_layer(
          head_alone(number) ? std::max(first_layer_, net_.net().body.size()) : first_layer_);
    });
    FinetuneEpoch epoch{.epoch = number};
    const std::vector<TrainingRow> rows =
        shuffled_rows(logmels_, train_clips_, options_.seed, number);
    FinetuneProgress progress{.epoch = number, .examples = rows.size()};
    double loss = 0, weight = 0;
    std::size_t num_right = 0;
    const std::size_t step_rows = static_cast<std::size_t>(options_.batch_size) *
                                  static_cast<std::size_t>(options_.accumulation);
    for (std::int64_t step = 0; step < steps_per_epoch_; ++step) {
      const std::size_t first = static_cast<std::size_t>(step) * step_rows;
      const auto step_of = std::span(rows).subspan(first, std::min(step_rows, rows.size() - first));
      // All of it again where memory ran out: gradients may have been added in part.
      StepResult result = with_what_fits(net_, [&] { return run_step(step_of, number, first); });
      sum_over_processes(result);
      const std::int64_t all_before = (number - 1) * steps_per_epoch_ + step;
      epoch.learning_rate = scheduled_learning_rate(
          options_, all_before, options_.max_epochs * steps_per_epoch_, steps_per_epoch_);
      optimiser_.step(epoch.learning_rate, all_before + 1,
                      all_before + 1 - options_.head_epochs * steps_per_epoch_);
      loss += result.loss;
      weight += result.weight;
      num_right += result.num_right;
      progress.examples_done = first + step_of.size();
      progress.loss = loss / weight;
      progress.accuracy =
          static_cast<double>(num_right) / static_cast<double>(progress.examples_done);
      if (!std::isfinite(result.loss)) {
        throw Error(ErrorClass::kInvalid,
                    fmt::format("training diverged in epoch {}: the loss is not finite; lower the "
                                "learning rate ({}), warm up, or clip the gradient",
                                number, options_.learning_rate));
      }
      if (callbacks_.on_batch) {
        callbacks_.on_batch(progress);
      }
    }
    epoch.train_loss = progress.loss;
    epoch.train_accuracy = progress.accuracy;
    validate(epoch);
    return epoch;
  }

  // Sums over the examples: the weight over those of the whole step, the others over this process'.
  struct StepResult {
    double loss = 0, weight = 0;
    std::size_t num_right = 0;
  };

  // Gradients of the mean loss of `rows`, in batches: what this process' examples add to them.
  StepResult run_step(std::span<const TrainingRow> rows, int epoch, std::size_t position) {
    const auto batch_size = static_cast<std::size_t>(options_.batch_size);
    StepResult result;
    for (const TrainingRow& row : rows) {
      result.weight += class_weights_[static_cast<std::size_t>(logmels_.clips[row.clip].label)];
    }
    GradientMode mode = GradientMode::kOverwrite;
    for (std::size_t first = 0; first < rows.size(); first += batch_size) {
      const std::size_t n = std::min(batch_size, rows.size() - first);
      const auto [begin, end] = share_of(processes_, n);
      if (begin == end) {
        continue;  // fewer examples than processes
      }
      TrainingBatch batch = make_batch(logmels_, shape_, rows.subspan(first, n), class_weights_,
                                       options_, epoch, position + first, {begin, end});
      for (float& target : batch.targets) {
        target /= static_cast<float>(result.weight);
      }
      run_batch(batch, begin, dropout_seed(options_.seed, epoch, position + first), mode, result);
      mode = GradientMode::kAccumulate;
    }
    if (mode == GradientMode::kOverwrite) {
      for_each_gradient([&](float* gradient, std::size_t count) {
        backend_.fill_zero(gradient, count * sizeof(float));
      });
    }
    return result;
  }

  // `batch` begins at `place` of the whole batch. In as many parts as the network's memory asks
  // for; the gradients are those of the whole.
  void run_batch(const TrainingBatch& batch, std::size_t place, std::uint64_t seed,
                 GradientMode mode, StepResult& result) {
    const std::size_t n = batch.labels.size();
    const std::size_t k = class_weights_.size(), values = net_.net().input_count();
    logits_.resize(n * k);
    losses_.resize(n);
    for (std::size_t first = 0; first < n;) {
      const std::size_t part = std::min(net_.max_batch(), n - first);
      net_.forward(std::span(batch.logmel).subspan(first * values, part * values), part,
                   {.rate = options_.dropout, .seed = seed, .first_example = place + first},
                   std::span(logits_).subspan(first * k, part * k));
      net_.backward(std::span(batch.targets).subspan(first * k, part * k), mode,
                    std::span(losses_).subspan(first, part));
      mode = GradientMode::kAccumulate;
      first += part;
    }
    for (std::size_t i = 0; i < n; ++i) {
      result.loss += losses_[i] * result.weight;
      const float* const row = logits_.data() + i * k;
      const bool right = std::max_element(row, row + k) - row == batch.labels[i];
      result.num_right += right ? 1 : 0;
    }
  }

  template <class Body>
  void for_each_gradient(Body body) {
    for (std::size_t i = 0; i < net_.parameters().size(); ++i) {
      if (net_.is_trainable(i)) {
        body(net_.gradient(i), net_.parameters()[i].count);
      }
    }
  }

  // Of gradients and result: from here on all processes go on as one, and decide alike.
  void sum_over_processes(StepResult& result) {
    if (processes_.size() == 1) {
      return;
    }
    for_each_gradient(
        [&](float* gradient, std::size_t count) { backend_.all_reduce_sum(gradient, count); });
    std::array<double, 2> sums = {result.loss, static_cast<double>(result.num_right)};
    processes_.all_reduce_sum(sums);
    result.loss = sums[0];
    result.num_right = static_cast<std::size_t>(sums[1]);
  }

  void validate(FinetuneEpoch& epoch) {
    epoch.validation_loss = epoch.validation_accuracy = std::numeric_limits<double>::quiet_NaN();
    epoch.best = true;
    if (validation_clips_.empty()) {
      return;
    }
    std::vector<int> truth;
    for (const std::size_t clip : validation_clips_) {
      truth.push_back(logmels_.clips[clip].label);
    }
    const auto [begin, end] = share_of(processes_, validation_clips_.size());
    const std::span<const std::size_t> mine = validation_clips_.subspan(begin, end - begin);
    const std::vector<double> of_mine =
        with_what_fits(net_, [&] { return predict_clips(net_, logmels_, mine); });
    const std::size_t k = logmels_.labels.size();
    std::vector<double> probabilities(validation_clips_.size() * k);
    std::copy(of_mine.begin(), of_mine.end(),
              probabilities.begin() + static_cast<std::ptrdiff_t>(begin * k));
    processes_.all_reduce_sum(probabilities);
    const Metrics metrics =
        compute_metrics(truth, probabilities, static_cast<int>(logmels_.labels.size()));
    epoch.validation_loss = metrics.log_loss;
    epoch.validation_accuracy = metrics.accuracy;
    for (const FinetuneEpoch& before : epochs_) {
      epoch.best = epoch.best && epoch.validation_loss < before.validation_loss;
    }
  }

  // Of everything that decides the result.
  std::string fingerprint() {
    Fingerprint print;
    print.add(settings_to_json(options_).dump());
    print.add(precision_name(backend_.precision()));
    print.add(logmels_.rows);
    for (const FeatureSet::Clip& clip : logmels_.clips) {
      print.add(fmt::format("{} {}", clip.label, clip.num_rows));
    }
    for (const auto clips : {train_clips_, validation_clips_}) {
      print.add(fmt::format("{}", clips.size()));
      for (const std::size_t clip : clips) {
        print.add(fmt::format("{}", clip));
      }
    }
    std::vector<float> values;
    for (std::size_t i = 0; i < net_.parameters().size(); ++i) {
      values.resize(net_.parameters()[i].count);
      net_.to_host(i, values, net_.parameter(i));
      print.add(values);
    }
    return print.text();
  }

  TrainingBackend& backend_;
  Communicator& processes_;
  VggishTraining& net_;
  const FeatureSet& logmels_;
  const std::span<const std::size_t> train_clips_, validation_clips_;
  const FinetuneOptions options_;
  const FinetuneCallbacks& callbacks_;
  const ExampleShape shape_;
  const std::size_t first_layer_;
  FinetuneOptimiser optimiser_;
  std::vector<double> class_weights_;
  std::size_t num_rows_ = 0;
  std::int64_t steps_per_epoch_ = 0;
  std::vector<FinetuneEpoch> epochs_;
  std::vector<float> logits_, losses_;  // of a batch
};

}  // namespace

std::size_t find_layer(const TrainingNet& net, const std::string& name) {
  if (name == "head") {
    return net.body.size();
  }
  std::string known = "head";
  for (std::size_t i = 0; i < net.body.size(); ++i) {
    const std::string& full = net.body[i].name;
    const std::string last = full.substr(full.rfind('/') + 1);
    if (name == full || name == last) {
      return i;
    }
    known += ", " + last;
  }
  throw Error(ErrorClass::kUsage,
              fmt::format("fine-tuning: no layer is called \"{}\"; there are {}", name, known));
}

std::vector<float> predict_segments(VggishTraining& net, const FeatureSet& logmels,
                                    std::span<const std::size_t> clips) {
  const std::size_t k = logmels.labels.size(), values = net.net().input_count();
  std::vector<float> probabilities;
  std::vector<float> logits;
  for (const std::size_t clip : clips) {
    const std::size_t num_rows = logmels.clips[clip].num_rows;
    for (std::size_t first = 0; first < num_rows; first += net.max_batch()) {
      const std::size_t n = std::min(net.max_batch(), num_rows - first);
      logits.resize(n * k);
      net.forward(logmels.rows_of(clip).subspan(first * values, n * values), n, {}, logits);
      softmax(logits.data(), n, k);
      probabilities.insert(probabilities.end(), logits.begin(), logits.end());
    }
  }
  return probabilities;
}

std::vector<double> clips_of_segments(std::span<const float> segments, const FeatureSet& logmels,
                                      std::span<const std::size_t> clips) {
  const std::size_t k = logmels.labels.size();
  std::vector<double> probabilities;
  for (const std::size_t clip : clips) {
    const std::size_t num_rows = logmels.clips[clip].num_rows;
    std::vector<double> mean(k);
    for (std::size_t i = 0; i < num_rows * k; ++i) {
      mean[i % k] += static_cast<double>(segments[i]) / static_cast<double>(num_rows);
    }
    probabilities.insert(probabilities.end(), mean.begin(), mean.end());
    segments = segments.subspan(num_rows * k);
  }
  return probabilities;
}

std::vector<double> predict_clips(VggishTraining& net, const FeatureSet& logmels,
                                  std::span<const std::size_t> clips) {
  return clips_of_segments(predict_segments(net, logmels, clips), logmels, clips);
}

std::vector<FinetuneEpoch> finetune(TrainingBackend& backend, VggishTraining& net,
                                    const FeatureSet& logmels,
                                    std::span<const std::size_t> train_clips,
                                    std::span<const std::size_t> validation_clips,
                                    const FinetuneOptions& options, const FinetuneFiles& files,
                                    const FinetuneCallbacks& callbacks) {
  check_options(options);
  if (train_clips.empty()) {
    throw Error(ErrorClass::kUsage, "fine-tuning: there is no training clip");
  }
  if (static_cast<std::size_t>(logmels.num_features) != net.net().input_count() ||
      logmels.labels.size() != net.net().num_classes) {
    throw Error(ErrorClass::kUsage,
                fmt::format("fine-tuning: examples of {} values and {} classes for a network of {} "
                            "values and {} classes",
                            logmels.num_features, logmels.labels.size(), net.net().input_count(),
                            net.net().num_classes));
  }
  return FinetuneRun(backend, net, logmels, train_clips, validation_clips, options, callbacks)
      .run(files);
}

}  // namespace vggroove

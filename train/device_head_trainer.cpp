#include "train/device_head_trainer.h"

#include <algorithm>
#include <cmath>
#include <map>
#include <utility>

#include "engine/device/parallel_for.h"
#include "train/head_progress.h"
#include "train/random.h"
#include "train/training_rows.h"

namespace vggroove {
namespace {

// Their parameters, gradients and moments are 240 MB at 100 hidden units, their activations in
// batches of 128 as much, the order of 8000 rows 32 MB: plenty of work for a device, little of its
// memory.
constexpr std::size_t kMaxHeadsTogether = 1024;

using Rows = std::vector<std::int32_t>;  // of the table

// What the settings of a task share.
struct PreparedTask {
  Rows train, validation;
  TrainingRows about_validation;  // its clips; without inputs, which are on the device
  DenseHead blank;
};

Rows rows_of_clips(const FeatureSet& features, std::span<const std::size_t> clips) {
  Rows rows;
  for (const std::size_t clip : clips) {
    const FeatureSet::Clip& about = features.clips[clip];
    for (std::size_t row = 0; row < about.num_rows; ++row) {
      rows.push_back(static_cast<std::int32_t>(about.first_row + row));
    }
  }
  return rows;
}

PreparedTask prepare(const FeatureSet& features, const HeadTask& task) {
  for (const HeadTrainingOptions& options : task.settings) {
    check_options(options);
  }
  PreparedTask prepared{.train = rows_of_clips(features, task.train_clips),
                        .validation = rows_of_clips(features, task.validation_clips),
                        .about_validation = gather_rows(features, task.validation_clips),
                        .blank = blank_head(features, gather_rows(features, task.train_clips))};
  prepared.about_validation.inputs = {};
  return prepared;
}

void set_table(HeadTrainingBackend& device, const FeatureSet& features) {
  const auto d = static_cast<std::size_t>(features.num_features);
  std::vector<int> labels(features.rows.size() / d);
  for (const FeatureSet::Clip& clip : features.clips) {
    std::fill_n(labels.begin() + static_cast<std::ptrdiff_t>(clip.first_row), clip.num_rows,
                clip.label);
  }
  device.set_table(features.rows, labels, d);
}

struct Candidate {
  std::size_t task, setting;
  HeadProgress progress;
};

// The orders of one epoch; heads of a task with the same seed share theirs.
class EpochOrders {
 public:
  EpochOrders(const std::vector<Candidate*>& heads, std::span<const PreparedTask> tasks,
              int num_threads) {
    std::vector<std::pair<const Key, Rows>*> missing;
    for (const Candidate* head : heads) {
      const auto [place, is_missing] = orders_.try_emplace(key_of(*head));
      if (is_missing) {
        missing.push_back(&*place);
      }
    }
    const int epoch = heads.front()->progress.next_epoch();
    const auto shuffle = [&](std::size_t i) {
      const auto& [task, seed] = missing[i]->first;
      const Rows& rows = tasks[task].train;
      for (const std::size_t row : epoch_order(rows.size(), seed, epoch)) {
        missing[i]->second.push_back(rows[row]);
      }
    };
    parallel_for(missing.size(), shuffle, num_threads);
  }
  const Rows& of(const Candidate& head) const { return orders_.at(key_of(head)); }

 private:
  using Key = std::pair<std::size_t, std::uint64_t>;  // task, seed
  static Key key_of(const Candidate& head) { return {head.task, head.progress.options().seed}; }

  std::map<Key, Rows> orders_;
};

std::unique_ptr<HeadBatch> new_batch(HeadTrainingBackend& device,
                                     const std::vector<Candidate*>& heads,
                                     std::span<const PreparedTask> tasks) {
  std::vector<std::vector<float>> parameters;
  std::vector<HeadBatch::Head> starts;
  for (const Candidate* head : heads) {
    const HeadTrainingOptions& options = head->progress.options();
    const DenseHead& blank = tasks[head->task].blank;
    parameters.push_back(initial_parameters(head->progress.shape(), options));
    starts.push_back({.mean = blank.mean,
                      .scale = blank.scale,
                      .parameters = parameters.back(),
                      .learning_rate = options.learning_rate,
                      .weight_decay = options.weight_decay,
                      .dropout = options.dropout,
                      .label_smoothing = options.label_smoothing});
  }
  const HeadProgress& first = heads.front()->progress;
  return device.new_batch(first.shape(), static_cast<std::size_t>(first.options().batch_size),
                          starts);
}

std::vector<double> train_epoch(HeadBatch& batch, const std::vector<Candidate*>& heads,
                                std::span<const PreparedTask> tasks, int num_threads) {
  const EpochOrders orders(heads, tasks, num_threads);
  std::vector<HeadBatch::Epoch> epochs;
  for (const Candidate* head : heads) {
    const Random dropout(head->progress.options().seed,
                         dropout_stream(head->progress.next_epoch()));
    epochs.push_back({.order = orders.of(*head), .dropout_state = dropout.state()});
  }
  return batch.train_epoch(epochs);
}

bool all_finite(const std::vector<float>& values) {
  return std::all_of(values.begin(), values.end(), [](float x) { return std::isfinite(x); });
}

// Judges the epoch of every head; those whose best it is have their parameters kept.
void finish_epoch(HeadBatch& batch, const std::vector<Candidate*>& heads,
                  const std::vector<double>& losses, std::span<const PreparedTask> tasks,
                  int num_threads) {
  std::vector<HeadBatch::Rows> rows;
  rows.reserve(heads.size());
  for (const Candidate* head : heads) {
    rows.push_back(tasks[head->task].validation);
  }
  std::vector<std::vector<float>> logits = batch.logits_sync(rows);
  std::vector<std::vector<float>> parameters(heads.size());  // empty: not asked for
  for (std::size_t i = 0; i < heads.size(); ++i) {
    if (rows[i].empty()) {  // no logits tell whether they are finite
      parameters[i] = batch.parameters_sync(i);
    }
  }
  std::vector<char> better(heads.size());
  const auto judge = [&](std::size_t i) {
    const bool finite = all_finite(logits[i]) && all_finite(parameters[i]);
    const bool is_better = heads[i]->progress.finish_epoch(losses[i], finite, std::move(logits[i]),
                                                           tasks[heads[i]->task].about_validation);
    better[i] = is_better ? 1 : 0;
  };
  parallel_for(heads.size(), judge, num_threads);
  for (std::size_t i = 0; i < heads.size(); ++i) {
    if (better[i] != 0) {
      heads[i]->progress.keep(parameters[i].empty() ? batch.parameters_sync(i) : parameters[i]);
    }
  }
}

// Heads of one shape and batch size, to the end.
template <class OnEpoch>
void train_together(HeadTrainingBackend& device, std::vector<Candidate*> heads,
                    std::span<const PreparedTask> tasks, int num_threads, OnEpoch on_epoch) {
  const std::unique_ptr<HeadBatch> batch = new_batch(device, heads, tasks);
  while (!heads.empty()) {
    const std::vector<double> losses = train_epoch(*batch, heads, tasks, num_threads);
    finish_epoch(*batch, heads, losses, tasks, num_threads);
    std::vector<std::size_t> places;
    std::vector<Candidate*> training;
    for (std::size_t i = 0; i < heads.size(); ++i) {
      on_epoch(*heads[i]);
      if (!heads[i]->progress.done()) {
        places.push_back(i);
        training.push_back(heads[i]);
      }
    }
    if (training.size() < heads.size()) {
      batch->keep(places);
      heads = std::move(training);
    }
  }
}

}  // namespace

std::vector<std::vector<TrainedHead>> train_heads_on(
    HeadTrainingBackend& device, const FeatureSet& features, std::span<const HeadTask> tasks,
    int num_threads,
    const std::function<void(std::size_t task, std::size_t setting, const HeadEpoch&)>& on_epoch) {
  std::vector<PreparedTask> prepared(tasks.size());
  parallel_for(
      tasks.size(), [&](std::size_t t) { prepared[t] = prepare(features, tasks[t]); }, num_threads);
  std::vector<Candidate> candidates;
  for (std::size_t t = 0; t < tasks.size(); ++t) {
    for (std::size_t s = 0; s < tasks[t].settings.size(); ++s) {
      candidates.push_back({t, s, HeadProgress(prepared[t].blank, tasks[t].settings[s])});
    }
  }
  std::map<std::pair<int, int>, std::vector<Candidate*>> alike;  // by hidden units and batch size
  for (Candidate& candidate : candidates) {
    const HeadTrainingOptions& options = candidate.progress.options();
    alike[{options.num_hidden, options.batch_size}].push_back(&candidate);
  }
  set_table(device, features);
  const auto report = [&](const Candidate& head) {
    if (on_epoch) {
      on_epoch(head.task, head.setting, head.progress.last_epoch());
    }
  };
  for (const auto& [_, heads] : alike) {
    for (std::size_t first = 0; first < heads.size(); first += kMaxHeadsTogether) {
      const std::size_t end = std::min(heads.size(), first + kMaxHeadsTogether);
      train_together(device,
                     {heads.begin() + static_cast<std::ptrdiff_t>(first),
                      heads.begin() + static_cast<std::ptrdiff_t>(end)},
                     prepared, num_threads, report);
    }
  }
  std::vector<std::vector<TrainedHead>> results(tasks.size());
  for (Candidate& candidate : candidates) {
    results[candidate.task].push_back(candidate.progress.take_result());
  }
  return results;
}

}  // namespace vggroove

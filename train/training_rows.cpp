#include "train/training_rows.h"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <limits>
#include <numeric>

#include "base/error.h"
#include "train/random.h"

namespace vggroove {

TrainingRows gather_rows(const FeatureSet& features, std::span<const std::size_t> clips) {
  TrainingRows rows;
  rows.num_features = static_cast<std::size_t>(features.num_features);
  rows.clip_starts.push_back(0);
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
    rows.clip_starts.push_back(rows.labels.size());
    rows.clip_labels.push_back(features.clips[clip].label);
  }
  return rows;
}

void measure_standardisation(DenseHead& head, const TrainingRows& rows) {
  const std::size_t n = rows.size(), d = rows.num_features;
  std::vector<double> mean(d), variance(d);
  for (std::size_t row = 0; row < n; ++row) {
    for (std::size_t i = 0; i < d; ++i) {
      mean[i] += rows.inputs[row * d + i] / static_cast<double>(n);
    }
  }
  for (std::size_t row = 0; row < n; ++row) {
    for (std::size_t i = 0; i < d; ++i) {
      const double deviation = rows.inputs[row * d + i] - mean[i];
      variance[i] += deviation * deviation / static_cast<double>(n);
    }
  }
  head.mean.assign(mean.begin(), mean.end());
  head.scale.resize(d);
  for (std::size_t i = 0; i < d; ++i) {
    const double deviation = std::sqrt(variance[i]);
    const bool constant = deviation <= std::numeric_limits<float>::epsilon() * std::abs(mean[i]);
    head.scale[i] = constant ? 1.0F : static_cast<float>(1 / deviation);
  }
}

DenseHead blank_head(const FeatureSet& features, const TrainingRows& rows) {
  if (rows.size() == 0) {
    throw Error(ErrorClass::kUsage, "training: there is no training clip");
  }
  DenseHead head;
  head.labels = features.labels;
  head.input_form = features.input_form;
  measure_standardisation(head, rows);
  return head;
}

void standardise(TrainingRows& rows, const DenseHead& head) {
  const std::size_t d = rows.num_features;
  for (std::size_t row = 0; row < rows.size(); ++row) {
    for (std::size_t i = 0; i < d; ++i) {
      float& x = rows.inputs[row * d + i];
      x = (x - head.mean[i]) * head.scale[i];
    }
  }
}

std::vector<std::size_t> epoch_order(std::size_t n, std::uint64_t seed, int epoch) {
  std::vector<std::size_t> order(n);
  std::iota(order.begin(), order.end(), std::size_t{0});
  // Even streams are the orders of epochs (from 1), odd ones their dropout, 0 the first weights.
  Random(seed, 2 * static_cast<std::uint64_t>(epoch)).shuffle(std::span(order));
  return order;
}

std::span<const cpu::HeadBatch> ShuffledRows::batches(std::uint64_t seed, int epoch,
                                                      std::size_t batch_size) {
  batch_size = std::min(batch_size, rows_.size());
  Epoch& kept = epochs_[batch_size];
  if (epoch != kept.number || seed != kept.seed) {
    kept.seed = seed;
    kept.number = epoch;
    shuffle(kept, batch_size);
  }
  return kept.batches;
}

void ShuffledRows::shuffle(Epoch& epoch, std::size_t batch_size) const {
  constexpr std::size_t kPanel = cpu::kHeadPanel;
  const std::size_t n = rows_.size(), d = rows_.num_features;
  const std::size_t depth = cpu::HeadLayout({d, 0, 1}).depth();
  const std::size_t rows_of_batch = (batch_size + kPanel - 1) / kPanel * kPanel;
  const std::size_t num_batches = (n + batch_size - 1) / batch_size;
  const std::vector<std::size_t> order = epoch_order(n, epoch.seed, epoch.number);
  epoch.inputs.assign(num_batches * rows_of_batch * depth, 0.0F);
  epoch.transposed.assign(num_batches * rows_of_batch * depth, 0.0F);
  epoch.labels.assign(num_batches * rows_of_batch, 0);
  epoch.batches.clear();
  for (std::size_t batch = 0; batch < num_batches; ++batch) {
    const std::size_t first = batch * batch_size, to = batch * rows_of_batch;
    const std::size_t count = std::min(batch_size, n - first);
    for (std::size_t i = 0; i < count; ++i) {
      const float* const row = rows_.inputs.data() + order[first + i] * d;
      std::copy_n(row, d, epoch.inputs.data() + (to + i) * depth);
      float* const column =
          epoch.transposed.data() + (to + i / kPanel * kPanel) * depth + i % kPanel;
      for (std::size_t feature = 0; feature < d; ++feature) {
        column[feature * kPanel] = row[feature];
      }
      epoch.labels[to + i] = rows_.labels[order[first + i]];
    }
    epoch.batches.push_back({.rows = epoch.inputs.data() + to * depth,
                             .transposed = epoch.transposed.data() + to * depth,
                             .labels = epoch.labels.data() + to,
                             .count = count});
  }
}

}  // namespace vggroove

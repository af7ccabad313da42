#include "train/training_batch.h"

#include <algorithm>
#include <cmath>

#include "train/random.h"

namespace vggroove {
namespace {

// The streams of a seed: an epoch's order, its batches' augmentation and their dropout.
enum class Purpose : std::uint64_t { kOrder = 1, kAugmentation = 2, kDropout = 3 };

Random stream(std::uint64_t seed, Purpose purpose, int epoch, std::size_t position) {
  // Two steps, so that no two (purpose, epoch, position) share a stream number.
  Random of_epoch(seed,
                  (static_cast<std::uint64_t>(purpose) << 32) + static_cast<std::uint64_t>(epoch));
  return Random(of_epoch.next(), position);
}

// Beta(alpha, alpha) by Johnk's method: u^(1/a) / (u^(1/a) + v^(1/a)) where the sum is at most 1.
double symmetric_beta(double alpha, Random& random) {
  for (;;) {
    const double x = std::pow(random.uniform(), 1 / alpha);
    const double y = std::pow(random.uniform(), 1 / alpha);
    if (x + y <= 1 && x + y > 0) {
      return x / (x + y);
    }
  }
}

// Every example becomes a mixture with the next one, the last with the first, in one proportion; of
// these mixtures the first `count` are kept.
void mix(TrainingBatch& batch, std::size_t count, double share) {
  const auto blend = [&](std::vector<float>& values) {
    const std::vector<float> before = values;
    const std::size_t size = before.size() / batch.labels.size();
    values.resize(count * size);
    for (std::size_t i = 0; i < values.size(); ++i) {
      values[i] =
          static_cast<float>(share * before[i] + (1 - share) * before[(i + size) % before.size()]);
    }
  };
  blend(batch.logmel);
  blend(batch.targets);
  if (share < 0.5) {
    std::rotate(batch.labels.begin(), batch.labels.begin() + 1, batch.labels.end());
  }
  batch.labels.resize(count);
}

}  // namespace

TrainingBatch make_batch(const FeatureSet& logmels, const ExampleShape& shape,
                         std::span<const TrainingRow> rows, std::span<const double> class_weights,
                         const FinetuneOptions& options, int epoch, std::size_t position,
                         const BatchPart& part) {
  const Augmentation& augmentation = options.augmentation;
  const std::size_t k = logmels.labels.size();
  const std::size_t count = std::min(part.end, rows.size()) - part.first;
  const bool mixes = augmentation.mixup_alpha > 0 && rows.size() > 1;
  // The last example of a part is mixed with one that is not of it.
  const std::size_t n = mixes && count < rows.size() ? count + 1 : count;
  TrainingBatch batch;
  batch.logmel.resize(n * shape.count());
  batch.targets.resize(n * k);
  for (std::size_t i = 0; i < n; ++i) {
    const std::size_t place = (part.first + i) % rows.size();
    Random random = stream(options.seed, Purpose::kAugmentation, epoch, position + place);
    const FeatureSet::Clip& clip = logmels.clips[rows[place].clip];
    augmented_example(std::span(batch.logmel).subspan(i * shape.count(), shape.count()),
                      logmels.rows_of(rows[place].clip), rows[place].row * shape.frames, shape,
                      augmentation, random);
    const auto label = static_cast<std::size_t>(clip.label);
    batch.labels.push_back(clip.label);
    for (std::size_t c = 0; c < k; ++c) {
      const double target = (c == label ? 1 - options.label_smoothing : 0) +
                            options.label_smoothing / static_cast<double>(k);
      batch.targets[i * k + c] = static_cast<float>(class_weights[c] * target);
    }
  }
  if (mixes) {
    // A stream of its own: beyond the positions of all rows.
    Random random = stream(options.seed, Purpose::kAugmentation, epoch, ~position);
    mix(batch, count, symmetric_beta(augmentation.mixup_alpha, random));
  }
  return batch;
}

std::vector<double> balanced_class_weights(const FeatureSet& logmels,
                                           std::span<const std::size_t> clips) {
  std::vector<double> counts(logmels.labels.size());
  double total = 0, num_present = 0;
  for (const std::size_t clip : clips) {
    counts[static_cast<std::size_t>(logmels.clips[clip].label)] +=
        static_cast<double>(logmels.clips[clip].num_rows);
    total += static_cast<double>(logmels.clips[clip].num_rows);
  }
  for (const double count : counts) {
    num_present += count > 0 ? 1 : 0;
  }
  for (double& count : counts) {
    count = count > 0 ? total / (num_present * count) : 0;
  }
  return counts;
}

std::vector<TrainingRow> shuffled_rows(const FeatureSet& logmels,
                                       std::span<const std::size_t> clips, std::uint64_t seed,
                                       int epoch) {
  std::vector<TrainingRow> rows;
  for (const std::size_t clip : clips) {
    for (std::size_t row = 0; row < logmels.clips[clip].num_rows; ++row) {
      rows.push_back({clip, row});
    }
  }
  stream(seed, Purpose::kOrder, epoch, 0).shuffle(std::span(rows));
  return rows;
}

std::uint64_t dropout_seed(std::uint64_t seed, int epoch, std::size_t position) {
  return stream(seed, Purpose::kDropout, epoch, position).next();
}

}  // namespace vggroove

#include "train/cross_validation.h"

#include <algorithm>
#include <mutex>
#include <utility>

#include "engine/device/parallel_for.h"
#include "train/head_model.h"
#include "train/predict_clips.h"
#include "train/random.h"

namespace vggroove {
namespace {

// The streams of the seed are numbered by partition; inner folds have theirs above them.
constexpr std::uint64_t kInnerFolds = std::uint64_t{1} << 40;

// The log loss, per clip, of every setting on the inner folds of a partition's training clips.
std::vector<double> inner_losses(const FeatureSet& features, std::span<const std::size_t> clips,
                                 const HeadCrossValidation& options, std::uint64_t seed) {
  const std::size_t num_settings = options.settings.size();
  std::vector<double> losses(num_settings);
  const std::vector<Partition> inner =
      fold_partitions_of(features, clips, options.num_inner_folds, options.head.grouped, seed);
  for (const Partition& partition : inner) {
    HeadFitOptions head = options.head;
    head.training.seed = Random(seed, static_cast<std::uint64_t>(partition.fold)).next();
    const std::vector<FittedHead> fitted =
        fit_heads(features, partition.train, {}, head, options.settings, 1);
    std::vector<int> truth;
    for (const std::size_t clip : partition.test) {
      truth.push_back(features.clips[clip].label);
    }
    for (std::size_t s = 0; s < num_settings; ++s) {
      const Metrics metrics =
          compute_metrics(truth, predict_clips(fitted[s].head, features, partition.test),
                          static_cast<int>(features.labels.size()));
      losses[s] +=
          metrics.log_loss * static_cast<double>(truth.size()) / static_cast<double>(clips.size());
    }
  }
  return losses;
}

// The head's predictions of the fold's test clips and their segments.
void predict(RepetitionReport& repetition, const DenseHead& head, const FeatureSet& features,
             std::span<const std::size_t> clips) {
  const std::size_t k = features.labels.size();
  for (const std::size_t clip : clips) {
    const FeatureSet::Clip& about = features.clips[clip];
    head.probabilities(features.rows_of(clip).data(), about.num_rows,
                       repetition.segment_probabilities.data() + about.first_row * k);
  }
  const std::vector<double> of_clips = predict_clips(head, features, clips);
  for (std::size_t i = 0; i < clips.size(); ++i) {
    std::copy_n(of_clips.data() + i * k, k, repetition.probabilities.data() + clips[i] * k);
  }
}

nlohmann::json setting_to_json(const HeadFitOptions& head, const HeadTrainingOptions& training) {
  HeadFitOptions options = head;
  options.training = training;
  nlohmann::json json = settings_to_json(options);
  json.erase("seed");  // each partition's follows from the seed of the cross-validation
  json.erase("grouped");
  return json;
}

}  // namespace

std::vector<CrossValidationReport> cross_validate(
    const FeatureSet& features, std::span<const Partition> partitions,
    const HeadCrossValidation& given, const std::function<void(std::size_t)>& on_partition) {
  HeadCrossValidation options = given;
  if (options.settings.empty()) {
    options.settings = {options.head.training};
  }
  const bool selects = options.num_inner_folds > 0;
  CrossValidationReport blank = empty_report(features, partitions);
  blank.grouped = options.head.grouped;
  blank.num_inner_folds = options.num_inner_folds;
  std::vector<CrossValidationReport> reports(selects ? 1 : options.settings.size(), blank);
  for (std::size_t s = 0; s < options.settings.size(); ++s) {
    reports[selects ? 0 : s].settings.push_back(setting_to_json(options.head, options.settings[s]));
  }

  std::mutex one_at_a_time;
  std::size_t num_done = 0;
  const auto run_partition = [&](std::size_t number) {
    const Partition& partition = partitions[number];
    std::vector<HeadTrainingOptions> settings = options.settings;
    std::size_t chosen = 0;
    std::vector<double> losses;
    if (selects) {
      losses = inner_losses(features, partition.train, options,
                            Random(options.seed, kInnerFolds + number).next());
      chosen =
          static_cast<std::size_t>(std::min_element(losses.begin(), losses.end()) - losses.begin());
      settings = {options.settings[chosen]};
    }
    HeadFitOptions head = options.head;
    head.training.seed = Random(options.seed, number).next();
    std::vector<FittedHead> fitted =
        fit_heads(features, partition.train, partition.validation, head, settings,
                  partitions.size() == 1 ? options.num_threads : 1);
    for (std::size_t s = 0; s < fitted.size(); ++s) {
      FoldReport& fold = reports[s].folds[number];
      fold.members = std::move(fitted[s].members);
      fold.setting = chosen;
      fold.inner_losses = losses;
      predict(reports[s].repetitions[static_cast<std::size_t>(partition.repetition)],
              fitted[s].head, features, partition.test);
    }
    const std::lock_guard lock(one_at_a_time);
    ++num_done;
    if (on_partition) {
      on_partition(num_done);
    }
  };
  parallel_for(partitions.size(), run_partition, options.num_threads);
  parallel_for(
      reports.size(), [&](std::size_t s) { score_predictions(reports[s], features, options.seed); },
      options.num_threads);
  return reports;
}

}  // namespace vggroove

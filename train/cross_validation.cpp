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

// The inner folds of a partition's training clips.
struct InnerFolds {
  std::vector<Partition> folds;
  std::uint64_t seed = 0;

  std::uint64_t seed_of(const Partition& fold) const {
    return Random(seed, static_cast<std::uint64_t>(fold.fold)).next();
  }
};

// The log loss, per clip, of every setting on the inner folds; fitted [folds][settings].
std::vector<double> inner_losses(const FeatureSet& features, const InnerFolds& inner,
                                 std::size_t num_clips,
                                 std::span<const std::vector<FittedHead>> fitted) {
  std::vector<double> losses(fitted.front().size());
  for (std::size_t f = 0; f < inner.folds.size(); ++f) {
    std::vector<int> truth;
    for (const std::size_t clip : inner.folds[f].test) {
      truth.push_back(features.clips[clip].label);
    }
    for (std::size_t s = 0; s < losses.size(); ++s) {
      const Metrics metrics =
          compute_metrics(truth, predict_clips(fitted[f][s].head, features, inner.folds[f].test),
                          static_cast<int>(features.labels.size()));
      losses[s] +=
          metrics.log_loss * static_cast<double>(truth.size()) / static_cast<double>(num_clips);
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

// What the inner folds of a partition chose.
struct Choice {
  std::size_t setting = 0;
  std::vector<double> losses;  // of every setting; empty: there was no choice
};

// Of each partition, the first of which has the number `first_number`.
// fit_all: fit_all_heads() of some fits
template <class FitAll>
std::vector<Choice> choose_settings(const FeatureSet& features,
                                    std::span<const Partition> partitions, std::size_t first_number,
                                    const HeadCrossValidation& options, const FitAll& fit_all) {
  std::vector<InnerFolds> inner(partitions.size());
  std::vector<HeadFit> fits;
  for (std::size_t p = 0; p < partitions.size(); ++p) {
    inner[p].seed = Random(options.seed, kInnerFolds + first_number + p).next();
    inner[p].folds = fold_partitions_of(features, partitions[p].train, options.num_inner_folds,
                                        options.head.grouped, inner[p].seed);
    for (const Partition& fold : inner[p].folds) {
      fits.push_back({.clips = fold.train,
                      .validation_clips = {},
                      .settings = options.settings,
                      .seed = inner[p].seed_of(fold)});
    }
  }
  const std::vector<std::vector<FittedHead>> fitted = fit_all(fits);
  std::vector<Choice> choices(partitions.size());
  std::size_t first = 0;
  for (std::size_t p = 0; p < partitions.size(); ++p) {
    choices[p].losses = inner_losses(features, inner[p], partitions[p].train.size(),
                                     std::span(fitted).subspan(first, inner[p].folds.size()));
    choices[p].setting = static_cast<std::size_t>(
        std::min_element(choices[p].losses.begin(), choices[p].losses.end()) -
        choices[p].losses.begin());
    first += inner[p].folds.size();
  }
  return choices;
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
  const auto say = [&](std::size_t num_more) {
    const std::lock_guard lock(one_at_a_time);
    num_done += num_more;
    if (on_partition) {
      on_partition(num_done);
    }
  };
  // Partitions that are fitted in one go: on the processor one, on a device all.
  const auto run_partitions = [&](std::size_t first, std::size_t count, int num_threads) {
    const std::span<const Partition> together = partitions.subspan(first, count);
    const auto fit_all = [&](std::span<const HeadFit> fits) {
      std::function<void(std::size_t, int, const HeadEpoch&)> on_epoch;
      if (options.head.device != nullptr) {
        on_epoch = [&](std::size_t, int, const HeadEpoch&) { say(0); };
      }
      return fit_all_heads(features, fits, options.head, num_threads, on_epoch);
    };
    std::vector<Choice> choices(count);
    if (selects) {
      choices = choose_settings(features, together, first, options, fit_all);
    }
    std::vector<HeadFit> fits;
    for (std::size_t p = 0; p < count; ++p) {
      std::span<const HeadTrainingOptions> settings = options.settings;
      fits.push_back({.clips = together[p].train,
                      .validation_clips = together[p].validation,
                      .settings = selects ? settings.subspan(choices[p].setting, 1) : settings,
                      .seed = Random(options.seed, first + p).next()});
    }
    std::vector<std::vector<FittedHead>> fitted = fit_all(fits);
    for (std::size_t p = 0; p < count; ++p) {
      for (std::size_t s = 0; s < fitted[p].size(); ++s) {
        FoldReport& fold = reports[s].folds[first + p];
        fold.members = std::move(fitted[p][s].members);
        fold.setting = choices[p].setting;
        fold.inner_losses = choices[p].losses;
        predict(reports[s].repetitions[static_cast<std::size_t>(together[p].repetition)],
                fitted[p][s].head, features, together[p].test);
      }
      say(1);
    }
  };
  if (options.head.device != nullptr) {
    run_partitions(0, partitions.size(), options.num_threads);
  } else {
    const int num_threads = partitions.size() == 1 ? options.num_threads : 1;
    parallel_for(
        partitions.size(), [&](std::size_t number) { run_partitions(number, 1, num_threads); },
        options.num_threads);
  }
  parallel_for(
      reports.size(), [&](std::size_t s) { score_predictions(reports[s], features, options.seed); },
      options.num_threads);
  return reports;
}

}  // namespace vggroove

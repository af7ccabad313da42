#include "train/cross_validation.h"

#include <algorithm>
#include <cmath>
#include <mutex>
#include <numeric>
#include <string>

#include "engine/device/parallel_for.h"
#include "train/folds.h"
#include "train/predict_clips.h"
#include "train/random.h"

namespace vggroove {
namespace {

std::vector<int> folds_of(const FeatureSet& features, const CrossValidationOptions& options) {
  std::vector<int> labels;
  std::vector<std::string> groups;
  labels.reserve(features.clips.size());
  for (const FeatureSet::Clip& clip : features.clips) {
    labels.push_back(clip.label);
    if (options.head.grouped) {
      groups.push_back(clip.group);
    }
  }
  return stratified_folds(labels, groups, options.num_folds, options.seed, features.labels);
}

std::vector<int> labels_of(const FeatureSet& features, const std::vector<std::size_t>& clips) {
  std::vector<int> labels;
  labels.reserve(clips.size());
  for (const std::size_t clip : clips) {
    labels.push_back(features.clips[clip].label);
  }
  return labels;
}

void summarise(CrossValidationReport& report) {
  const auto count = static_cast<double>(report.folds.size());
  for (const FoldReport& fold : report.folds) {
    report.mean_accuracy += fold.metrics.accuracy / count;
  }
  double squares = 0;
  for (const FoldReport& fold : report.folds) {
    squares += std::pow(fold.metrics.accuracy - report.mean_accuracy, 2);
  }
  report.std_accuracy = std::sqrt(squares / (count - 1));  // at least two folds
}

}  // namespace

CrossValidationReport cross_validate(const FeatureSet& features,
                                     const CrossValidationOptions& options,
                                     const std::function<void(std::size_t)>& on_fold) {
  const std::vector<int> fold_of_clip = folds_of(features, options);
  const std::size_t num_clips = features.clips.size(), k = features.labels.size();
  const auto num_folds = static_cast<std::size_t>(options.num_folds);
  CrossValidationReport report;
  report.folds.resize(num_folds);
  report.probabilities.resize(num_clips * k);
  std::mutex one_fold_at_a_time;
  std::size_t folds_done = 0;
  const auto run_fold = [&](std::size_t number) {
    FoldReport& fold = report.folds[number];
    std::vector<std::size_t> train_clips;
    for (std::size_t clip = 0; clip < num_clips; ++clip) {
      const bool is_tested = fold_of_clip[clip] == static_cast<int>(number);
      (is_tested ? fold.test_clips : train_clips).push_back(clip);
    }
    HeadFitOptions head = options.head;
    head.training.seed = Random(options.seed, number).next();
    FittedHead fitted = fit_head(features, train_clips, {}, head, 1);
    fold.members = std::move(fitted.members);

    const std::vector<double> of_fold = predict_clips(fitted.head, features, fold.test_clips);
    fold.metrics =
        compute_metrics(labels_of(features, fold.test_clips), of_fold, static_cast<int>(k));
    for (std::size_t i = 0; i < fold.test_clips.size(); ++i) {
      std::copy_n(of_fold.data() + i * k, k, report.probabilities.data() + fold.test_clips[i] * k);
    }
    const std::lock_guard lock(one_fold_at_a_time);
    ++folds_done;
    if (on_fold) {
      on_fold(folds_done);
    }
  };
  parallel_for(num_folds, run_fold, options.num_threads);
  std::vector<std::size_t> all_clips(num_clips);
  std::iota(all_clips.begin(), all_clips.end(), std::size_t{0});
  report.pooled =
      compute_metrics(labels_of(features, all_clips), report.probabilities, static_cast<int>(k));
  summarise(report);
  return report;
}

}  // namespace vggroove

#include "train/finetune_cross_validation.h"

#include <fmt/format.h>

#include <algorithm>
#include <optional>
#include <string>
#include <system_error>
#include <utility>

#include "base/error.h"
#include "train/random.h"

namespace vggroove {
namespace {

// The streams of the seed are numbered by partition; inner folds have theirs above them.
constexpr std::uint64_t kInnerFolds = std::uint64_t{1} << 40;

constexpr const char* kFilePrefix = "repetition-";

nlohmann::json setting_to_json(const FinetuneOptions& options) {
  nlohmann::json json = settings_to_json(options);
  json.erase("seed");  // each partition's follows from the seed of the cross-validation
  return json;
}

FittedHead::Member member_of(const FinetunedFold& result, const FinetuneFold& fold) {
  FittedHead::Member member{.num_train_clips = fold.train.size(),
                            .num_validation_clips = fold.validation.size(),
                            .best_epoch = 0,
                            .epochs = {}};
  for (const FinetuneEpoch& epoch : result.epochs) {
    member.epochs.push_back({.epoch = epoch.epoch,
                             .train_loss = epoch.train_loss,
                             .validation_loss = epoch.validation_loss,
                             .validation_accuracy = epoch.validation_accuracy});
    member.best_epoch = epoch.best ? epoch.epoch : member.best_epoch;
  }
  return member;
}

double count_rows(const FeatureSet& logmels, std::span<const std::size_t> clips) {
  double count = 0;
  for (const std::size_t clip : clips) {
    count += static_cast<double>(logmels.clips[clip].num_rows);
  }
  return count;
}

// An empty place for results, but for those to go on with.
void prepare_folder(const std::filesystem::path& work, bool resume) {
  std::error_code reason;
  std::filesystem::create_directories(work, reason);
  if (reason) {
    throw Error(ErrorClass::kIo,
                fmt::format("{}: cannot make this folder: {}", work.string(), reason.message()));
  }
  if (resume) {
    return;
  }
  std::vector<std::filesystem::path> old;
  for (const auto& entry : std::filesystem::directory_iterator(work)) {
    if (entry.path().filename().string().starts_with(kFilePrefix)) {
      old.push_back(entry.path());
    }
  }
  for (const std::filesystem::path& file : old) {
    std::filesystem::remove(file);
  }
}

class FinetuneCrossValidationRun {
 public:
  FinetuneCrossValidationRun(TrainingBackend& backend, const FinetuneStart& start,
                             const FeatureSet& logmels, std::span<const Partition> partitions,
                             const FinetuneCrossValidation& options,
                             const FinetuneCrossValidationCallbacks& callbacks)
      : backend_(backend),
        start_(start),
        logmels_(logmels),
        partitions_(partitions),
        options_(options),
        callbacks_(callbacks),
        net_(backend, start.net, max_batch(options)) {
    start.load_body(net_);
    identity_ = options.work.empty() ? "" : identity_of(backend, net_, logmels);
  }

  std::vector<CrossValidationReport> run() {
    CrossValidationReport blank = empty_report(logmels_, partitions_);
    blank.grouped = options_.grouped;
    blank.num_inner_folds = options_.num_inner_folds;
    std::vector<CrossValidationReport> reports(selects() ? 1 : options_.settings.size(), blank);
    for (std::size_t s = 0; s < options_.settings.size(); ++s) {
      reports[selects() ? 0 : s].settings.push_back(setting_to_json(options_.settings[s]));
    }
    progress_.num_trainings =
        partitions_.size() *
        (selects() ? 1 + options_.settings.size() * num_inner_folds() : options_.settings.size());
    progress_.most_examples_left = most_examples(logmels_, partitions_, options_);
    for (std::size_t p = 0; p < partitions_.size(); ++p) {
      progress_.partition = p;
      run_partition(p, reports);
    }
    for (CrossValidationReport& report : reports) {
      score_predictions(report, logmels_, options_.seed);
    }
    return reports;
  }

 private:
  static std::size_t max_batch(const FinetuneCrossValidation& options) {
    int largest = 1;
    for (const FinetuneOptions& setting : options.settings) {
      check_options(setting);
      largest = std::max(largest, setting.batch_size);
    }
    return static_cast<std::size_t>(largest);
  }

  bool selects() const { return options_.num_inner_folds > 0; }
  std::size_t num_inner_folds() const { return static_cast<std::size_t>(options_.num_inner_folds); }

  // One training; `name` is its file's in the work folder.
  FinetunedFold train(const FinetuneFold& fold, const std::string& name, bool& taken) {
    ++progress_.training;
    progress_.max_epochs = fold.training.max_epochs;
    const FinetuneFoldFiles files{
        .result = options_.work.empty() ? std::filesystem::path() : options_.work / name,
        .resume = options_.resume};
    std::optional<FinetunedFold> finished = read_finished_fold(files, identity_, logmels_, fold);
    const double all = count_rows(logmels_, fold.train) * fold.training.max_epochs;
    const double left_after = std::max(0.0, progress_.most_examples_left - all);
    taken = finished.has_value();
    if (!taken) {
      FinetuneProgress before;
      finished =
          run_fold(backend_, net_, start_, logmels_, fold, identity_, files,
                   [&](const FinetuneProgress& now) {
                     progress_.examples_done +=
                         now.examples_done - (now.epoch == before.epoch ? before.examples_done : 0);
                     const double done = static_cast<double>(now.examples) * (now.epoch - 1) +
                                         static_cast<double>(now.examples_done);
                     progress_.most_examples_left = left_after + all - done;
                     progress_.now = before = now;
                     if (callbacks_.on_batch) {
                       callbacks_.on_batch(progress_);
                     }
                   });
    }
    progress_.most_examples_left = left_after;
    return *std::move(finished);
  }

  TrainingSplit split_of(const Partition& partition, std::uint64_t seed) const {
    if (!partition.validation.empty()) {
      return {partition.train, partition.validation};
    }
    return hold_out(logmels_, partition.train, options_.validation_fraction, options_.grouped,
                    seed);
  }

  // Trains a setting on a partition and predicts its test clips.
  struct Trained {
    FinetunedFold result;
    FittedHead::Member member;
    std::vector<double> of_clips;  // probabilities of the test clips
    Metrics metrics;               // of them
    bool taken = false;            // from the work folder
  };
  Trained train_on(const Partition& partition, std::size_t setting, std::uint64_t seed,
                   const std::string& name) {
    // The same seeds for all settings: they compete on the same validation clips.
    Random seeds(seed);
    FinetuneOptions training = options_.settings[setting];
    training.seed = seeds.next();
    const TrainingSplit split = split_of(partition, seeds.next());
    const FinetuneFold fold{.train = split.train,
                            .validation = split.validation,
                            .test = partition.test,
                            .training = training};
    Trained trained;
    trained.result = train(fold, name, trained.taken);
    trained.member = member_of(trained.result, fold);
    trained.of_clips =
        clips_of_segments(trained.result.segment_probabilities, logmels_, partition.test);
    std::vector<int> truth;
    for (const std::size_t clip : partition.test) {
      truth.push_back(logmels_.clips[clip].label);
    }
    trained.metrics =
        compute_metrics(truth, trained.of_clips, static_cast<int>(logmels_.labels.size()));
    return trained;
  }

  // The log loss, per clip, of every setting on the inner folds of a partition's training clips.
  std::vector<double> inner_losses(const Partition& partition, std::uint64_t seed,
                                   const std::string& name) {
    progress_.selecting = true;
    std::vector<double> losses(options_.settings.size());
    for (const Partition& inner : fold_partitions_of(
             logmels_, partition.train, options_.num_inner_folds, options_.grouped, seed)) {
      for (std::size_t s = 0; s < losses.size(); ++s) {
        const Trained trained =
            train_on(inner, s, Random(seed, static_cast<std::uint64_t>(inner.fold)).next(),
                     fmt::format("{}-setting-{}-inner-{}", name, s + 1, inner.fold + 1));
        losses[s] += trained.metrics.log_loss * static_cast<double>(inner.test.size()) /
                     static_cast<double>(partition.train.size());
      }
    }
    progress_.selecting = false;
    return losses;
  }

  void run_partition(std::size_t number, std::vector<CrossValidationReport>& reports) {
    const Partition& partition = partitions_[number];
    const std::string name =
        fmt::format("{}{}-fold-{}", kFilePrefix, partition.repetition + 1, partition.fold + 1);
    std::vector<std::size_t> settings(options_.settings.size());
    for (std::size_t s = 0; s < settings.size(); ++s) {
      settings[s] = s;
    }
    std::vector<double> losses;
    if (selects()) {
      losses = inner_losses(partition, Random(options_.seed, kInnerFolds + number).next(), name);
      settings = {static_cast<std::size_t>(std::min_element(losses.begin(), losses.end()) -
                                           losses.begin())};
    }
    for (std::size_t i = 0; i < settings.size(); ++i) {
      const std::size_t s = settings[i];
      Trained trained =
          train_on(partition, s, Random(options_.seed, number).next(),
                   options_.settings.size() > 1 ? fmt::format("{}-setting-{}", name, s + 1) : name);
      FoldReport& fold = reports[i].folds[number];
      fold.members = {std::move(trained.member)};
      fold.setting = selects() ? s : 0;
      fold.inner_losses = losses;
      fold.metrics = std::move(trained.metrics);
      keep_predictions(reports[i].repetitions[static_cast<std::size_t>(partition.repetition)],
                       partition.test, trained);
      if (callbacks_.on_partition) {
        callbacks_.on_partition(number, fold, trained.taken);
      }
    }
  }

  void keep_predictions(RepetitionReport& repetition, std::span<const std::size_t> clips,
                        const Trained& trained) const {
    const std::size_t k = logmels_.labels.size();
    const float* segments = trained.result.segment_probabilities.data();
    for (std::size_t i = 0; i < clips.size(); ++i) {
      const FeatureSet::Clip& clip = logmels_.clips[clips[i]];
      std::copy_n(segments, clip.num_rows * k,
                  repetition.segment_probabilities.data() + clip.first_row * k);
      segments += clip.num_rows * k;
      std::copy_n(trained.of_clips.data() + i * k, k,
                  repetition.probabilities.data() + clips[i] * k);
    }
  }

  TrainingBackend& backend_;
  const FinetuneStart& start_;
  const FeatureSet& logmels_;
  const std::span<const Partition> partitions_;
  const FinetuneCrossValidation& options_;
  const FinetuneCrossValidationCallbacks& callbacks_;
  VggishTraining net_;
  std::string identity_;
  FinetuneCrossValidationProgress progress_;
};

}  // namespace

double most_examples(const FeatureSet& logmels, std::span<const Partition> partitions,
                     const FinetuneCrossValidation& options) {
  double all = 0;
  for (const Partition& partition : partitions) {
    const double share = partition.validation.empty() ? 1 - options.validation_fraction : 1;
    const double rows = share * count_rows(logmels, partition.train);
    double longest = 0;
    for (const FinetuneOptions& setting : options.settings) {
      const double of_setting = rows * setting.max_epochs;
      longest = std::max(longest, of_setting);
      all += options.num_inner_folds > 0 ? of_setting * (options.num_inner_folds - 1) : of_setting;
    }
    all += options.num_inner_folds > 0 ? longest : 0;
  }
  return all;
}

std::vector<CrossValidationReport> cross_validate_finetuning(
    TrainingBackend& backend, const FinetuneStart& start, const FeatureSet& logmels,
    std::span<const Partition> partitions, const FinetuneCrossValidation& options,
    const FinetuneCrossValidationCallbacks& callbacks) {
  if (options.settings.empty()) {
    throw Error(ErrorClass::kUsage, "fine-tuning: there is no setting to try");
  }
  if (!options.work.empty()) {
    prepare_folder(options.work, options.resume);
  }
  return FinetuneCrossValidationRun(backend, start, logmels, partitions, options, callbacks).run();
}

}  // namespace vggroove

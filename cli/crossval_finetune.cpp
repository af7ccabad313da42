#include "cli/crossval_finetune.h"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <filesystem>
#include <memory>
#include <optional>
#include <utility>

#include "base/error.h"
#include "cli/finetune_options.h"
#include "cli/interrupt.h"
#include "cli/progress.h"
#include "engine/backends/processes.h"
#include "engine/backends/training_backend.h"
#include "engine/nets/vggish_training.h"
#include "train/finetune_model.h"

namespace vggroove::cli {
namespace fs = std::filesystem;

namespace {

// Options of heads that mean nothing to fine-tuning.
constexpr const char* kHeadsOnly[] = {"--members", "--decision"};
constexpr const char* kFinetuningOnly[] = {"--base", "--work", "--resume"};

bool given(const CLI::App& verb, const std::string& name) {
  return verb.get_option(name)->count() > 0;
}

// The option's default for either kind, in its help.
template <class Value>
void add_default(CLI::App& verb, const char* name, const Value& value) {
  CLI::Option* const option = verb.get_option(name);
  option->default_str(fmt::format("{}, {} with --finetune", option->get_default_str(), value));
}

std::vector<std::string> finetuning_only() {
  CLI::App unused;
  FinetuneOptions options;
  std::vector<std::string> names = add_finetune_only_options(unused, options, "");
  names.insert(names.end(), std::begin(kFinetuningOnly), std::end(kFinetuningOnly));
  return names;
}

// "folds by groups, fold 2 of 3"
std::string partition_text(const CrossvalRun& run, std::size_t partition) {
  if (run.divided_by == "lists") {
    return run.name();
  }
  const Partition& last = run.partitions.back();
  const Partition& now = run.partitions[partition];
  return fmt::format("{}, {}fold {} of {}", run.name(),
                     last.repetition > 0 ? fmt::format("repetition {} of {}, ", now.repetition + 1,
                                                       last.repetition + 1)
                                         : "",
                     now.fold + 1, last.fold + 1);
}

std::string progress_text(const CrossvalRun& run, const FinetuneCrossValidationProgress& progress,
                          double examples_before, double examples_after, double elapsed_s) {
  const FinetuneProgress& now = progress.now;
  std::string text = partition_text(run, progress.partition);
  if (progress.num_trainings > run.partitions.size()) {
    text += fmt::format("{}, training {} of {}", progress.selecting ? ", selecting" : "",
                        progress.training, progress.num_trainings);
  }
  text += fmt::format("  epoch {} of {}  {}/{} examples  loss {:.3f}  accuracy {:.1f} %", now.epoch,
                      progress.max_epochs, now.examples_done, now.examples, now.loss,
                      100 * now.accuracy);
  const double rate =
      (examples_before + static_cast<double>(progress.examples_done)) / std::max(elapsed_s, 1e-3);
  return text + fmt::format("  {:.1f} examples/s  at most {} left", rate,
                            duration_text((progress.most_examples_left + examples_after) / rate));
}

std::string fold_text(const CrossvalRun& run, std::size_t partition, const FoldReport& fold,
                      bool taken) {
  const FittedHead::Member& training = fold.members.front();
  std::string text =
      fmt::format("{}: accuracy {:.1f} % of {} clips, by epoch {} of {}",
                  partition_text(run, partition), 100 * fold.metrics.accuracy,
                  fold.test_clips.size(), training.best_epoch, training.epochs.size());
  if (!std::isnan(training.best().validation_loss)) {
    text += fmt::format(" (validation loss {:.3f})", training.best().validation_loss);
  }
  return text + (taken ? ", kept from before" : "");
}

}  // namespace

void add_crossval_finetuning(CLI::App& verb, CrossvalFinetuning& options, ModelOptions& model) {
  constexpr const char* kGroup = "With --finetune";
  verb.add_flag("--finetune", options.chosen,
                "Judge fine-tuning: train the network anew for every fold, not a classifier on "
                "its embeddings alone");
  verb.add_option("--base", model.model, "Model to begin with; the same as --model")
      ->type_name("FILE")
      ->excludes("--model")
      ->group(kGroup);
  verb.add_option("--work", options.work,
                  "Folder for finished folds, and the checkpoint of the one that is trained: three "
                  "times the size of the trained layers (default: NAME.folds, NAME being DATA's)")
      ->type_name("FOLDER")
      ->group(kGroup);
  verb.add_flag("--resume", options.resume,
                "Go on where an earlier run with the same options was stopped")
      ->group(kGroup);
  const FinetuneOptions& training = options.training;
  add_default(verb, "--dropout", training.dropout);
  add_default(verb, "--lr", training.learning_rate);
  add_default(verb, "--weight-decay", training.weight_decay);
  add_default(verb, "--batch", training.batch_size);
  add_default(verb, "--epochs", training.max_epochs);
  add_default(verb, "--patience", training.patience);
  add_finetune_only_options(verb, options.training, std::string(kGroup) + ": ");
}

FinetuneCrossValidation finetuning_of(const CLI::App& verb, const CrossvalFinetuning& options,
                                      const HeadFitOptions& head, const HeadGrid& grid) {
  for (const char* const name : kHeadsOnly) {
    if (given(verb, name)) {
      throw Error(
          ErrorClass::kUsage,
          fmt::format("{} is for classifiers on embeddings; leave it out with --finetune", name));
    }
  }
  if (grid.hidden.size() > 1) {
    throw Error(ErrorClass::kUsage, "--hidden takes one value with --finetune");
  }
  FinetuneOptions training = options.training;
  if (given(verb, "--epochs")) {
    training.max_epochs = head.training.max_epochs;
  }
  if (given(verb, "--patience")) {
    training.patience = head.training.patience;
  }
  FinetuneCrossValidation validation;
  validation.seed = head.training.seed;
  validation.validation_fraction = head.validation_fraction;
  validation.resume = options.resume;
  validation.settings = {training};
  const auto vary = [&](const char* name, auto FinetuneOptions::*member, const auto& values) {
    if (!given(verb, name)) {
      return;
    }
    std::vector<FinetuneOptions> varied;
    for (const FinetuneOptions& setting : validation.settings) {
      for (const auto& value : values) {
        varied.push_back(setting);
        varied.back().*member = value;
      }
    }
    validation.settings = std::move(varied);
  };
  vary("--dropout", &FinetuneOptions::dropout, grid.dropout);
  vary("--lr", &FinetuneOptions::learning_rate, grid.learning_rate);
  vary("--weight-decay", &FinetuneOptions::weight_decay, grid.weight_decay);
  vary("--label-smoothing", &FinetuneOptions::label_smoothing, grid.label_smoothing);
  vary("--batch", &FinetuneOptions::batch_size, grid.batch);
  for (const FinetuneOptions& setting : validation.settings) {
    check_options(setting);
  }
  find_layer(vggish_training_net(0, 1), training.first_layer);
  return validation;
}

void refuse_finetuning_options(const CLI::App& verb) {
  for (const std::string& name : finetuning_only()) {
    if (given(verb, name)) {
      throw Error(ErrorClass::kUsage, fmt::format("{} is for fine-tuning; add --finetune", name));
    }
  }
}

std::string default_work_folder(const std::string& data) {
  const fs::path path(data);
  const fs::path name = path.has_filename() ? path : path.parent_path();
  return name.stem().string() + ".folds";
}

std::string finetune_runs(std::vector<CrossvalRun>& runs, const FeatureSet& logmels,
                          const weights::ModelFile& base, const ModelOptions& model, int num_hidden,
                          FinetuneCrossValidation options) {
  if (const std::optional<Launch> launch = find_launch()) {
    throw Error(ErrorClass::kUsage,
                fmt::format("crossval --finetune trains in one process, but {} started {}",
                            launch->launcher, launch->size));
  }
  const fs::path work = options.work;
  const FinetuneStart start{
      .net = vggish_training_net(static_cast<std::size_t>(num_hidden), logmels.labels.size()),
      .load_body = [&base](VggishTraining& net) { load_body(net, base); }};
  const std::unique_ptr<TrainingBackend> backend = open_training(model);
  const InterruptGuard interrupts;
  ProgressLine progress;
  double examples_before = 0, examples_after = 0;  // of other runs
  for (const CrossvalRun& run : runs) {
    examples_after += most_examples(logmels, run.partitions, options);
  }
  for (CrossvalRun& run : runs) {
    examples_after -= most_examples(logmels, run.partitions, options);
    // Where lists divide the data, groups still stay together in what is made of the training
    // clips.
    options.grouped =
        run.divided_by == "groups" || (run.divided_by == "lists" && has_groups(logmels));
    options.work = work / run.divided_by;
    std::size_t examples_done = 0;
    FinetuneCrossValidationCallbacks callbacks;
    callbacks.on_batch = [&](const FinetuneCrossValidationProgress& now) {
      InterruptGuard::throw_if_interrupted();
      examples_done = now.examples_done;
      progress.show(progress_text(run, now, examples_before, examples_after, progress.elapsed_s()));
    };
    callbacks.on_partition = [&](std::size_t partition, const FoldReport& fold, bool taken) {
      progress.clear();
      fmt::print(stderr, "vggroove: {}\n", fold_text(run, partition, fold, taken));
    };
    run.reports =
        cross_validate_finetuning(*backend, start, logmels, run.partitions, options, callbacks);
    examples_before += static_cast<double>(examples_done);
  }
  return backend->description();
}

}  // namespace vggroove::cli

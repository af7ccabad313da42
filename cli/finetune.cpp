#include <fmt/format.h>

#include <cmath>
#include <filesystem>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <utility>
#include <vector>

#include "base/atomic_file.h"
#include "base/error.h"
#include "cli/data_options.h"
#include "cli/failure.h"
#include "cli/finetune_options.h"
#include "cli/finetune_report.h"
#include "cli/head_options.h"
#include "cli/interrupt.h"
#include "cli/logmel_data.h"
#include "cli/model_options.h"
#include "cli/progress.h"
#include "cli/report_folder.h"
#include "cli/unicode_text.h"
#include "cli/verbs.h"
#include "engine/backends/processes.h"
#include "engine/backends/training_backend.h"
#include "engine/nets/vggish_metadata.h"
#include "train/finetune.h"
#include "train/finetune_model.h"
#include "weights/model_file.h"

namespace vggroove::cli {
namespace fs = std::filesystem;

namespace {

constexpr const char* kFooter =
    "Examples:\n"
    "  vggroove finetune ~/gtzan --base vggish.safetensors --out genres.safetensors\n"
    "  vggroove finetune ~/gtzan --save-features gtzan.npz --out a.safetensors  decode once,\n"
    "  vggroove finetune gtzan.npz --layers fc1_1 --out b.safetensors           then reuse\n"
    "  vggroove finetune gtzan.npz --out a.safetensors --resume                 after a crash\n"
    "  vggroove finetune gtzan.npz --out a.safetensors --report report          report/index.html\n"
    "  mpirun -n 4 vggroove finetune gtzan.npz --out a.safetensors              4 processes\n"
    "  srun -N 2 --ntasks-per-node 4 --mpi=pmix --kill-on-bad-exit vggroove finetune ...\n"
    "The network of --base and its classifier are trained together; where the classifier is for\n"
    "other genres, a fresh one takes its place. --out holds the best epoch so far: that of the\n"
    "least validation loss. Where DATA names splits, \"train\" is trained on and \"valid\"\n"
    "validates; else clips are kept aside, and groups are not torn apart. FILE.checkpoint, three\n"
    "times the size of the trained layers, is written after every epoch and removed at the end;\n"
    "--resume goes on from it and ends with the very same model.\n"
    "Several processes share every batch, and need the same files: the losses are those of one\n"
    "process with the same --batch. Where one fails all end; any number of them can --resume.\n"
    "The validation score chose the epoch, so it flatters: judge with `vggroove evaluate` on\n"
    "other clips.";

struct FinetuneVerb {
  DataOptions data;
  ModelOptions model;  // model.model is the base
  FinetuneOptions training;
  double validation_fraction = 0.15;
  int num_hidden = 100;
  std::string out, log, report;
  bool resume = false, fresh_head = false;
};

// The base's classifier where it fits the data: same genres, float embeddings.
std::optional<DenseHead> fitting_head(const weights::ModelFile& base, const FeatureSet& logmels) {
  if (!base.has_head()) {
    return std::nullopt;
  }
  DenseHead head = DenseHead::from_model(base);
  const bool fits = head.labels == logmels.labels && head.input_form == "float" &&
                    head.num_inputs == kEmbeddingSize;
  return fits ? std::optional(std::move(head)) : std::nullopt;
}

std::string progress_text(const FinetuneProgress& now, const FinetuneOptions& options,
                          double examples_per_s) {
  std::string text = fmt::format("epoch {} of {}  {}/{} examples  loss {:.3f}  accuracy {:.1f} %",
                                 now.epoch, options.max_epochs, now.examples_done, now.examples,
                                 now.loss, 100 * now.accuracy);
  if (examples_per_s > 0) {
    const auto epochs_left = static_cast<double>(options.max_epochs - now.epoch);
    const double left = static_cast<double>(now.examples - now.examples_done) +
                        epochs_left * static_cast<double>(now.examples);
    text += fmt::format("  {:.1f} examples/s  at most {} left", examples_per_s,
                        duration_text(left / examples_per_s));
  }
  return text;
}

void write_log(const std::string& path, std::span<const FinetuneEpoch> epochs) {
  std::string lines;
  for (const nlohmann::json& epoch : epochs_to_json(epochs)) {
    lines += epoch.dump() + "\n";
  }
  write_file_atomically(path, lines);
}

void print_epochs(std::span<const FinetuneEpoch> epochs) {
  fmt::print("epoch  train loss  accuracy  validation loss  accuracy\n");
  for (const FinetuneEpoch& epoch : epochs) {
    fmt::print("{:5}  {:10.3f}  {:6.1f} %", epoch.epoch, epoch.train_loss,
               100 * epoch.train_accuracy);
    if (!std::isnan(epoch.validation_loss)) {
      fmt::print("  {:15.3f}  {:6.1f} %{}", epoch.validation_loss, 100 * epoch.validation_accuracy,
                 epoch.best ? "  better" : "");
    }
    fmt::print("\n");
  }
}

// Before hours of work: whether its results can be kept.
void prepare_files(const FinetuneVerb& verb, const fs::path& checkpoint) {
  require_writable(verb.out);
  if (!verb.log.empty()) {
    require_writable(verb.log);
  }
  if (verb.resume) {
    for (const fs::path& file : {fs::path(verb.out), checkpoint, fs::path(verb.log)}) {
      remove_abandoned_temporaries(file);
    }
  }
}

// One of the processes; the first alone writes files and says something.
int finetune_verb(const FinetuneVerb& verb, Communicator& processes) {
  check_options(verb.training);
  const std::size_t first_layer = find_layer(vggish_training_net(0, 1), verb.training.first_layer);
  const fs::path checkpoint = verb.out + ".checkpoint";
  const bool is_first = processes.rank() == 0;
  if (is_first) {
    prepare_files(verb, checkpoint);
  }
  std::optional<ReportFolder> folder;
  if (is_first && !verb.report.empty()) {
    folder.emplace(verb.report);
  }
  const InterruptGuard interrupts;
  OpenedData opened = open_data(verb.data);
  const weights::ModelFile base = open_model(verb.model);
  check_frontend(base);
  const LoadedData loaded =
      load_logmel_data(std::move(opened), verb.data, verb.model.num_jobs, processes);
  const FeatureSet& logmels = loaded.features;
  const ChosenClips chosen = choose_clips(logmels, verb.data.data);
  require_two_genres(logmels, chosen.train, verb.data.data);
  TrainingSplit split{chosen.train, chosen.validation};
  if (chosen.validation.empty()) {
    split = hold_out(logmels, chosen.train, verb.validation_fraction, has_groups(logmels),
                     verb.training.seed);
  }
  if (!verb.report.empty() && split.validation.empty()) {
    throw Error(ErrorClass::kUsage,
                fmt::format("{}: --report shows validation clips, and there are none; keep some "
                            "with --validation, or name them in a column 'split'",
                            verb.data.data));
  }

  const std::optional<DenseHead> of_base =
      verb.fresh_head ? std::nullopt : fitting_head(base, logmels);
  const TrainingNet architecture =
      vggish_training_net(static_cast<std::size_t>(of_base ? of_base->num_hidden : verb.num_hidden),
                          logmels.labels.size());
  const std::unique_ptr<TrainingBackend> opened_device = open_training(verb.model, processes);
  TrainingBackend& backend = *opened_device;
  const std::size_t examples_at_once = static_cast<std::size_t>(
      (verb.training.batch_size + processes.size() - 1) / processes.size());
  VggishTraining net(backend, architecture, examples_at_once);
  load_body(net, base);
  const DenseHead head =
      of_base ? *of_base : initial_head(net, logmels, split.train, verb.training.seed, processes);
  load_head(net, head);

  ProgressLine progress;
  std::size_t examples_done = 0, done_before_epoch = 0;  // by this process
  std::vector<FinetuneEpoch> epochs;
  const auto record = [&] {
    return nlohmann::json{{"kind", "finetune"},
                          {"data", valid_utf8(fs::path(verb.data.data).filename().native())},
                          {"train_clips", split.train.size()},
                          {"validation_clips", split.validation.size()},
                          {"settings", settings_to_json(verb.training)},
                          {"precision", precision_name(backend.precision())},
                          {"epochs", epochs_to_json(epochs)},
                          {"vggroove", VGGROOVE_VERSION}};
  };
  FinetuneCallbacks callbacks;
  callbacks.on_batch = [&](const FinetuneProgress& now) {
    InterruptGuard::throw_if_interrupted();
    examples_done = done_before_epoch + now.examples_done;
    if (is_first) {
      progress.show(progress_text(now, verb.training,
                                  static_cast<double>(examples_done) / progress.elapsed_s()));
    }
  };
  callbacks.on_epoch = [&](const std::vector<FinetuneEpoch>& so_far) {
    if (!is_first) {
      return;
    }
    done_before_epoch = examples_done;
    epochs = so_far;
    if (epochs.back().best) {
      write_finetuned_model(verb.out, base, net, first_layer, head, record());
    }
    if (!verb.log.empty()) {
      write_log(verb.log, epochs);
    }
  };
  epochs = finetune(backend, net, logmels, split.train, split.validation, verb.training,
                    {.checkpoint = checkpoint, .resume = verb.resume}, callbacks);
  if (!is_first) {
    return kAllGood;  // the first one's exit code is the run's
  }
  fs::remove(checkpoint);
  progress.clear();

  if (net.max_batch() < examples_at_once) {
    fmt::print(stderr,
               "vggroove: the device has memory for {} examples; batches of {} were computed in "
               "parts\n",
               net.max_batch(), examples_at_once);
  }
  fmt::print("{}\n", data_text(logmels));
  if (chosen.num_left_alone > 0) {
    fmt::print("{} clips of other splits were left alone\n", chosen.num_left_alone);
  }
  fmt::print("trained on {} clips from {} up, validated on {}, {}{}\n", split.train.size(),
             verb.training.first_layer, split.validation.size(), backend.description(),
             processes.size() > 1 ? fmt::format(", {} processes", processes.size()) : "");
  print_epochs(epochs);
  if (folder) {
    write_finetune_report(*folder, net, verb.out, logmels, split.validation, epochs, verb.data.data,
                          record());
  }
  fmt::print("wrote {}\n", verb.out);
  return loaded.exit_code();
}

// As all the processes that a launcher started: where one fails, all end.
int finetune_together(const FinetuneVerb& verb) {
  const std::unique_ptr<Communicator> processes = join_processes();
  try {
    return finetune_verb(verb, *processes);
  } catch (...) {
    if (processes->size() == 1) {
      throw;
    }
    const int exit_code = report_failure();
    processes->abort(exit_code);
    return exit_code;
  }
}

}  // namespace

void add_finetune(CLI::App& app, Action& action) {
  CLI::App* verb =
      app.add_subcommand("finetune", "Train the network and its classifier on labelled clips");
  verb->footer(kFooter);
  const auto options = std::make_shared<FinetuneVerb>();
  add_data_options(*verb, options->data);
  verb->add_option("--base,-m", options->model.model,
                   "Model to begin with (default: $VGGROOVE_MODEL, else "
                   "~/.local/share/vggroove/vggish.safetensors)")
      ->type_name("FILE");
  verb->add_option("--out,-o", options->out, "Model file to write")->required()->type_name("FILE");
  add_device_options(*verb, options->model);
  verb->add_option("--jobs,-j", options->model.num_jobs,
                   "Threads of a process (default: its share of the cores)")
      ->type_name("N")
      ->check(CLI::Range(0, 4096));
  verb->add_flag("--resume", options->resume,
                 "Go on where an earlier run with the same options was stopped");
  verb->add_option("--log", options->log, "Write the scores of every epoch as JSON Lines")
      ->type_name("FILE");
  add_report_option(*verb, options->report);
  verb->add_option("--hidden", options->num_hidden,
                   "Units of the hidden layer of a fresh classifier; 0: none")
      ->capture_default_str()
      ->check(CLI::Range(0, 65536));
  verb->add_flag("--fresh-head", options->fresh_head,
                 "Begin with a fresh classifier even where the base's fits");
  verb->add_option("--validation", options->validation_fraction,
                   "Share of the training clips kept aside for validation; 0: none")
      ->capture_default_str();
  add_finetune_options(*verb, options->training);
  verb->callback(
      [&action, options] { action = [options] { return finetune_together(*options); }; });
}

}  // namespace vggroove::cli

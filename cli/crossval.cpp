#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <memory>
#include <numeric>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "base/atomic_file.h"
#include "base/error.h"
#include "cli/crossval_finetune.h"
#include "cli/crossval_output.h"
#include "cli/crossval_warnings.h"
#include "cli/data_options.h"
#include "cli/head_options.h"
#include "cli/interrupt.h"
#include "cli/logmel_data.h"
#include "cli/metrics_table.h"
#include "cli/model_options.h"
#include "cli/progress.h"
#include "cli/report_folder.h"
#include "cli/unicode_text.h"
#include "cli/verbs.h"
#include "engine/device/parallel_for.h"
#include "engine/nets/vggish_metadata.h"
#include "train/cross_validation.h"

namespace vggroove::cli {

namespace {

constexpr const char* kFooter =
    "Examples:\n"
    "  vggroove crossval ~/gtzan --save-features gtzan.npz\n"
    "  vggroove crossval gtzan.csv --group artist --folds-by both --picture groups.png\n"
    "  vggroove crossval ~/gtzan --report report                               report/index.html\n"
    "  vggroove crossval gtzan.npz --hidden 64,256 --dropout 0.3,0.5 --select 5 --json "
    "scores.json\n"
    "  vggroove crossval gtzan.npz --train-list train.txt --valid-list valid.txt --test-list "
    "t.txt\n"
    "  vggroove crossval ~/gtzan --finetune --base vggish.safetensors --random-crop --resume\n"
    "Every clip is predicted once, by a classifier that was trained without its fold; the clips\n"
    "that stop a training early are taken from the other folds. Clips of one group (an artist, an\n"
    "album, the cuts of one track) resemble each other more than their genre does: folds by clips\n"
    "then promise what unheard music does not keep. Folds by groups keep each group together.\n"
    "Lists of values (--hidden 64,128) make a grid, whose settings train together. To take the "
    "best\n"
    "by its score on the test folds flatters; --select N lets N inner folds of the training clips\n"
    "choose, anew for every fold, and the score is then that of the whole procedure.\n"
    "With --finetune each fold trains the network itself, from --base, with a fresh classifier; "
    "an\n"
    "epoch is chosen by validation clips from the other folds. It takes hours where embeddings "
    "take\n"
    "seconds: folds that are done are kept, and --resume goes on with them.";

struct CrossvalOptions {
  DataOptions data;
  ModelOptions model;
  HeadCrossValidation validation;
  HeadGrid grid;
  CrossvalFinetuning finetuning;
  FinetuneCrossValidation finetune_validation;  // with --finetune
  PartitionLists lists;
  int num_folds = 10, num_repetitions = 1;
  std::string folds_by = "auto", json, picture, report;

  bool json_to_stdout() const { return json == "-"; }
  bool has_lists() const {
    return !lists.train.empty() || !lists.validation.empty() || !lists.test.empty();
  }
};

// Whether each run keeps groups together.
std::vector<bool> choose_runs(const CrossvalOptions& options, bool grouped_data) {
  if (!grouped_data && (options.folds_by == "groups" || options.folds_by == "both")) {
    throw Error(ErrorClass::kUsage,
                fmt::format("{}: no two clips share a group, so there is nothing for --folds-by {} "
                            "to keep together; name the groups in a column of the manifest "
                            "(--group) or in the array 'group' of the table",
                            options.data.data, options.folds_by));
  }
  if (options.folds_by == "both") {
    return {false, true};
  }
  return {options.folds_by == "groups" || (options.folds_by == "auto" && grouped_data)};
}

// The ways to divide the data, without their reports.
std::vector<CrossvalRun> divide(const CrossvalOptions& options, const FeatureSet& features) {
  std::vector<CrossvalRun> runs;
  if (options.has_lists()) {
    ListedPartition listed = listed_partition(features, options.lists);
    if (listed.num_missing > 0) {
      fmt::print(stderr, "vggroove: {}: of the lists' lines {} name no clip, the first is '{}'\n",
                 options.data.data, listed.num_missing, listed.first_missing);
    }
    if (listed.num_unlisted > 0) {
      fmt::print(stderr, "vggroove: {}: {} clips are in no list and left alone\n",
                 options.data.data, listed.num_unlisted);
    }
    runs.push_back({.divided_by = "lists", .partitions = {}, .reports = {}});
    runs.back().partitions.push_back(std::move(listed.partition));
    return runs;
  }
  for (const bool grouped : choose_runs(options, has_groups(features))) {
    runs.push_back(
        {.divided_by = grouped ? "groups" : "clips",
         .partitions = fold_partitions(features, options.num_folds, options.num_repetitions,
                                       grouped, options.validation.seed),
         .reports = {}});
  }
  return runs;
}

void run_partitions(CrossvalRun& run, const FeatureSet& features, HeadCrossValidation validation) {
  // Where lists divide the data, groups still stay together in what is made of the training clips.
  validation.head.grouped =
      run.divided_by == "groups" || (run.divided_by == "lists" && has_groups(features));
  const InterruptGuard interrupts;
  ProgressLine progress;
  const auto show = [&](std::size_t num_done) {
    progress.show(
        fmt::format("{}: {} of {} partitions done", run.name(), num_done, run.partitions.size()));
  };
  show(0);
  run.reports = cross_validate(features, run.partitions, validation, [&](std::size_t num_done) {
    InterruptGuard::throw_if_interrupted();
    show(num_done);
  });
}

void print_runs(const CrossvalOptions& options, const FeatureSet& features,
                const std::vector<CrossvalRun>& runs) {
  fmt::print("{}\n\n", data_text(features));
  const CrossvalRun& shown = runs.back();
  if (shown.reports.size() > 1) {
    for (const CrossvalRun& run : runs) {
      fmt::print("{}:\n{}\n", run.name(), settings_table(run));
    }
    return;
  }
  fmt::print("{}\n", folds_table(runs));
  if (runs.size() == 2) {
    fmt::print("{}\n\n", difference_text(runs[0], runs[1]));
  }
  const CrossValidationReport& report = shown.reports.front();
  if (report.num_inner_folds > 0) {
    fmt::print("{}\n", selection_text(report));
  }
  const RepetitionReport& first = report.repetitions.front();
  fmt::print("{}{} clips, each predicted by a classifier trained without it ({}, seed {}):\n{}\n",
             report.repetitions.size() > 1 ? "First repetition, " : "", first.metrics.num_clips,
             shown.name(), options.validation.seed, metrics_table(first.metrics, features.labels));
  fmt::print("{}", summary_table(report));
}

nlohmann::json as_json(const CrossvalOptions& options, const LoadedData& loaded,
                       const std::vector<CrossvalRun>& runs) {
  nlohmann::json json = {
      {"data", valid_utf8(options.data.data)},
      {"folds", runs.front().partitions.size() / runs.front().reports.front().repetitions.size()},
      {"repetitions", runs.front().reports.front().repetitions.size()},
      {"seed", options.validation.seed},
      {"failed", loaded.failed_json()},
      {"runs", nlohmann::json::array()}};
  for (const CrossvalRun& run : runs) {
    std::vector<nlohmann::json> reports(run.reports.size());
    parallel_for(
        reports.size(),
        [&](std::size_t i) { reports[i] = report_to_json(run.reports[i], loaded.features); },
        options.model.num_jobs);
    json["runs"].push_back({{"folds_by", run.divided_by}, {"reports", std::move(reports)}});
  }
  return json;
}

void write_json(const CrossvalOptions& options, const nlohmann::json& json) {
  const std::string text =
      json.dump(2, ' ', false, nlohmann::json::error_handler_t::replace) + "\n";
  if (options.json_to_stdout()) {
    fmt::print("{}", text);
  } else {
    write_file_atomically(options.json, text);
  }
}

// The page is about the last run, and compares it with the others.
void write_page(const ReportFolder& folder, const CrossvalOptions& options,
                const LoadedData& loaded, const std::vector<CrossvalRun>& runs,
                const std::vector<std::string>& warnings,
                const std::vector<RunReport::Fact>& origin, const nlohmann::json& json) {
  const CrossvalRun& shown = runs.back();
  RunReport page = page_of(runs, loaded.features);
  page.title = title_of(options.data.data);
  page.subtitle =
      fmt::format("Cross-validation{} of {}; {} partitions, {}, seed {}.",
                  options.finetuning.chosen ? " with fine-tuning" : "", data_text(loaded.features),
                  shown.partitions.size(), shown.name(), options.validation.seed);
  page.warnings = warnings;
  if (!loaded.failed.empty()) {
    page.warnings.push_back(failed_text(loaded));
  }
  if (runs.size() == 2) {
    page.warnings.push_back(difference_text(runs[0], runs[1]));
  }
  page.facts = {{"Data", terminal_text(options.data.data)},
                {"Partitions", fmt::format("{}, {}", shown.partitions.size(), shown.name())},
                {"Seed", fmt::format("{}", options.validation.seed)}};
  page.facts.insert(page.facts.end(), origin.begin(), origin.end());
  for (const nlohmann::json& settings : shown.reports.front().settings) {
    for (const auto& [name, value] : settings.items()) {
      page.facts.push_back(
          {fmt::format("--{}", name), value.is_string() ? value.get<std::string>() : value.dump()});
    }
  }
  page.facts.push_back({"Program", fmt::format("vggroove {}, crossval", VGGROOVE_VERSION)});
  folder.write(std::move(page), json);
}

// Throws Error(kUsage) where options contradict each other.
void check_usage(const CrossvalOptions& options, std::size_t num_settings) {
  if (num_settings == 1 && options.validation.num_inner_folds > 0) {
    throw Error(ErrorClass::kUsage,
                "--select: there is one setting, so nothing to choose; give an "
                "option several values, as --hidden 64,128");
  }
  if (num_settings > 1 && options.validation.num_inner_folds == 0 &&
      !(options.picture.empty() && options.report.empty())) {
    throw Error(ErrorClass::kUsage,
                "--picture and --report show one classifier; let --select N "
                "choose among the settings, or give one");
  }
  if (options.has_lists() && (options.folds_by != "auto" || options.num_repetitions > 1)) {
    throw Error(ErrorClass::kUsage,
                "lists divide the data once; --folds-by and --repeats are for "
                "folds");
  }
}

// Fills in the reports; returns what a reader should know of how they were made.
std::vector<RunReport::Fact> judge(std::vector<CrossvalRun>& runs, const CrossvalOptions& options,
                                   const FeatureSet& features) {
  if (!options.finetuning.chosen) {
    const std::unique_ptr<HeadTrainingBackend> device = open_head_training(options.model);
    HeadCrossValidation validation = options.validation;
    validation.head.device = device.get();
    for (CrossvalRun& run : runs) {
      run_partitions(run, features, validation);
    }
    return {};
  }
  const weights::ModelFile base = open_model(options.model);
  check_frontend(base);
  if (base.metadata().origin == "finetuned") {
    fmt::print(stderr,
               "vggroove: {}: was fine-tuned before; if it learnt from these clips, the scores are "
               "too good\n",
               base.path().string());
  }
  FinetuneCrossValidation validation = options.finetune_validation;
  validation.num_inner_folds = options.validation.num_inner_folds;
  validation.work = options.finetuning.work.empty() ? default_work_folder(options.data.data)
                                                    : options.finetuning.work;
  const std::string device = finetune_runs(runs, features, base, options.model,
                                           options.grid.hidden.front(), std::move(validation));
  return {{"Base", terminal_text(base.path().native())}, {"Trained on", device}};
}

int crossval(CrossvalOptions options) {
  options.validation.settings = options.grid.settings(options.validation.head.training);
  check_usage(options, options.finetuning.chosen ? options.finetune_validation.settings.size()
                                                 : options.validation.settings.size());
  for (const std::string& output : {options.json, options.picture}) {
    if (!output.empty() && output != "-") {
      require_writable(output);
    }
  }
  std::optional<ReportFolder> folder;
  if (!options.report.empty()) {
    folder.emplace(options.report);
  }
  const LoadedData loaded =
      options.finetuning.chosen
          ? load_logmel_data(open_data(options.data), options.data, options.model.num_jobs)
          : load_data(open_data(options.data), options.data, options.model);
  const FeatureSet& features = loaded.features;
  std::vector<std::size_t> all_clips(features.clips.size());
  std::iota(all_clips.begin(), all_clips.end(), std::size_t{0});
  require_two_genres(features, all_clips, options.data.data);
  std::vector<CrossvalRun> runs = divide(options, features);
  const std::vector<RunReport::Fact> origin = judge(runs, options, features);
  const std::vector<std::string> warnings = warnings_of(features, runs);
  for (const std::string& warning : warnings) {
    fmt::print(stderr, "vggroove: {}: {}\n", options.data.data, warning);
  }
  if (!options.json_to_stdout()) {
    print_runs(options, features, runs);
  }
  if (!options.json.empty() || folder) {
    const nlohmann::json json = as_json(options, loaded, runs);
    if (!options.json.empty()) {
      write_json(options, json);
    }
    if (folder) {
      write_page(*folder, options, loaded, runs, warnings, origin, json);
    }
  }
  if (!options.picture.empty()) {
    write_confusions(options.picture, options.data.data, features, runs);
  }
  return loaded.exit_code();
}

}  // namespace

void add_crossval(CLI::App& app, Action& action) {
  CLI::App* verb =
      app.add_subcommand("crossval", "Judge a classifier by cross-validation on labelled clips");
  verb->footer(kFooter);
  const auto options = std::make_shared<CrossvalOptions>();
  add_data_options(*verb, options->data);
  add_model_options(*verb, options->model);
  add_head_grid_options(*verb, options->validation.head, options->grid);
  verb->add_option("--folds", options->num_folds, "Parts that are tested in turn")
      ->capture_default_str()
      ->check(CLI::Range(2, 1000));
  verb->add_option("--repeats", options->num_repetitions,
                   "Times that the data are divided into folds, each time anew")
      ->capture_default_str()
      ->check(CLI::Range(1, 1000));
  verb->add_option("--select", options->validation.num_inner_folds,
                   "Choose among the settings of a grid by so many inner folds of the training "
                   "clips (default: judge every setting)")
      ->type_name("N")
      ->check(CLI::Range(2, 1000));
  verb->add_option("--train-list", options->lists.train,
                   "Instead of folds: a file that lists the clips to train on, a path a line")
      ->type_name("FILE");
  verb->add_option("--valid-list", options->lists.validation, "Clips that stop a training early")
      ->type_name("FILE");
  verb->add_option("--test-list", options->lists.test, "Clips to test")->type_name("FILE");
  verb->add_option("--folds-by", options->folds_by,
                   "What is dealt to the folds: clips, groups, or both for a comparison "
                   "(default: groups where DATA has them, else clips)")
      ->type_name("NAME")
      ->check(CLI::IsMember({"auto", "clips", "groups", "both"}));
  verb->add_option("--json", options->json,
                   "Write the scores as JSON; - prints them instead of tables")
      ->type_name("FILE");
  verb->add_option("--picture", options->picture, "Draw the confusion matrix, or both")
      ->type_name("FILE.png");
  add_report_option(*verb, options->report);
  add_crossval_finetuning(*verb, options->finetuning, options->model);
  verb->callback([&action, options, verb] {
    action = [options, verb] {
      if (options->finetuning.chosen) {
        options->finetune_validation =
            finetuning_of(*verb, options->finetuning, options->validation.head, options->grid);
      } else {
        refuse_finetuning_options(*verb);
      }
      options->validation.seed = options->validation.head.training.seed;
      options->validation.num_threads = options->model.num_jobs;
      return crossval(*options);
    };
  });
}

}  // namespace vggroove::cli

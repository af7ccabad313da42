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
#include "cli/data_options.h"
#include "cli/head_options.h"
#include "cli/interrupt.h"
#include "cli/metrics_table.h"
#include "cli/model_options.h"
#include "cli/progress.h"
#include "cli/report_folder.h"
#include "cli/unicode_text.h"
#include "cli/verbs.h"
#include "plot/charts.h"
#include "plot/png_file.h"
#include "train/cross_validation.h"
#include "train/head_model.h"
#include "train/identical_clips.h"

namespace vggroove::cli {

namespace {

constexpr const char* kFooter =
    "Examples:\n"
    "  vggroove crossval ~/gtzan --save-features gtzan.npz\n"
    "  vggroove crossval gtzan.csv --group artist --folds-by both --picture groups.png\n"
    "  vggroove crossval ~/gtzan --report report                               report/index.html\n"
    "  vggroove crossval gtzan.npz --hidden 256 --dropout 0.3 --json scores.json\n"
    "Every clip is predicted once, by a classifier that was trained without its fold; the clips\n"
    "that stop a training early are taken from the other folds. Clips of one group (an artist, an\n"
    "album, the cuts of one track) resemble each other more than their genre does: folds by clips\n"
    "then promise what unheard music does not keep. Folds by groups keep each group together.";

struct CrossvalOptions {
  DataOptions data;
  ModelOptions model;
  CrossValidationOptions validation;
  std::string folds_by = "auto", json, picture, report;

  bool json_to_stdout() const { return json == "-"; }
};

// A cross-validation and how its folds were made.
struct Run {
  std::string_view folds_by;  // "clips" or "groups"
  CrossValidationReport report;
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

Run run_folds(const FeatureSet& features, CrossValidationOptions validation, bool grouped) {
  validation.head.grouped = grouped;
  Run run{.folds_by = grouped ? "groups" : "clips", .report = {}};
  const InterruptGuard interrupts;
  ProgressLine progress;
  progress.show(fmt::format("folds by {}: 0 of {} done", run.folds_by, validation.num_folds));
  run.report = cross_validate(features, validation, [&](std::size_t folds_done) {
    InterruptGuard::throw_if_interrupted();
    progress.show(
        fmt::format("folds by {}: {} of {} done", run.folds_by, folds_done, validation.num_folds));
  });
  return run;
}

std::vector<int> fold_of_clip(const FeatureSet& features, const CrossValidationReport& report) {
  std::vector<int> fold_of_clip(features.clips.size());
  for (std::size_t fold = 0; fold < report.folds.size(); ++fold) {
    for (const std::size_t clip : report.folds[fold].test_clips) {
      fold_of_clip[clip] = static_cast<int>(fold);
    }
  }
  return fold_of_clip;
}

// What flatters the scores: duplicates on both sides of a fold are learned and tested, and so are
// groups.
std::vector<std::string> warnings_of(const CrossvalOptions& options, const FeatureSet& features,
                                     const std::vector<Run>& runs) {
  std::vector<std::string> warnings;
  if (options.folds_by == "clips" && has_groups(features)) {
    warnings.emplace_back(
        "folds by clips put clips of one group on both sides; the score will be too good for "
        "groups that were never heard (--folds-by groups or both)");
  }
  const std::vector<std::vector<std::size_t>> sets = identical_clips(features);
  for (const Run& run : runs) {
    if (const std::size_t count = num_clips_apart(sets, fold_of_clip(features, run.report));
        count > 0) {
      warnings.push_back(
          fmt::format("folds by {} tear duplicates apart: {} clips have a copy in another fold, "
                      "which flatters the score (`vggroove check DATA --groups F.csv` joins them)",
                      run.folds_by, count));
    }
  }
  return warnings;
}

std::string percent(double share) {
  return fmt::format("{:.1f} %", 100 * share);
}

std::string mean_text(const CrossValidationReport& report) {
  return fmt::format("{:.1f} +- {:.1f} %", 100 * report.mean_accuracy, 100 * report.std_accuracy);
}

// One column per run.
std::string folds_table(const std::vector<Run>& runs) {
  std::string text = "fold";
  for (const Run& run : runs) {
    text += fmt::format("  {:>16}", fmt::format("by {}", run.folds_by));
  }
  text += '\n';
  for (std::size_t fold = 0; fold < runs.front().report.folds.size(); ++fold) {
    text += fmt::format("{:4}", fold + 1);
    for (const Run& run : runs) {
      text += fmt::format("  {:>16}", percent(run.report.folds[fold].metrics.accuracy));
    }
    text += '\n';
  }
  text += "mean";
  for (const Run& run : runs) {
    text += fmt::format("  {:>16}", mean_text(run.report));
  }
  return text + "\n";
}

std::string difference_text(const Run& by_clips, const Run& by_groups) {
  const double points = 100 * (by_clips.report.pooled.accuracy - by_groups.report.pooled.accuracy);
  return fmt::format("Folds by clips promise {:+.1f} points of accuracy against folds by groups.",
                     points);
}

void print_runs(const CrossvalOptions& options, const FeatureSet& features,
                const std::vector<Run>& runs) {
  fmt::print("{}\n\n{}\n", data_text(features), folds_table(runs));
  if (runs.size() == 2) {
    fmt::print("{}\n\n", difference_text(runs[0], runs[1]));
  }
  const Run& shown = runs.back();
  fmt::print("All {} clips, each predicted by the fold without it (folds by {}, seed {}):\n",
             features.clips.size(), shown.folds_by, options.validation.seed);
  fmt::print("{}", metrics_table(shown.report.pooled, features.labels));
}

nlohmann::json as_json(const CrossvalOptions& options, const LoadedData& loaded,
                       const std::vector<Run>& runs) {
  nlohmann::json json = {{"data", valid_utf8(options.data.data)},
                         {"folds", options.validation.num_folds},
                         {"seed", options.validation.seed},
                         {"settings", settings_to_json(options.validation.head)},
                         {"failed", loaded.failed_json()},
                         {"runs", nlohmann::json::array()}};
  json["settings"].erase("seed");  // of no effect: each fold's follows from the one above
  json["settings"].erase("grouped");
  for (const Run& run : runs) {
    nlohmann::json folds = nlohmann::json::array();
    for (const FoldReport& fold : run.report.folds) {
      folds.push_back({{"clips", fold.metrics.num_clips},
                       {"accuracy", fold.metrics.accuracy},
                       {"members", members_to_json(fold.members)}});
    }
    json["runs"].push_back(
        {{"folds_by", run.folds_by},
         {"mean_accuracy", run.report.mean_accuracy},
         {"std_accuracy", run.report.std_accuracy},
         {"folds", std::move(folds)},
         {"pooled", metrics_to_json(run.report.pooled, loaded.features.labels)}});
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

void write_picture(const CrossvalOptions& options, const FeatureSet& features,
                   const std::vector<Run>& runs) {
  std::vector<plot::Canvas> panels;
  for (const Run& run : runs) {
    const plot::ConfusionMatrix matrix{
        .labels = features.labels,
        .counts = run.report.pooled.confusion,
        .title = fmt::format("folds by {}: {}", run.folds_by, percent(run.report.pooled.accuracy)),
        .captions = {
            fmt::format("mean of {} folds {}", run.report.folds.size(), mean_text(run.report))}};
    panels.push_back(plot::confusion_matrix(matrix));
  }
  const std::vector<std::string> captions =
      runs.size() == 2 ? std::vector<std::string>{difference_text(runs[0], runs[1])}
                       : std::vector<std::string>{};
  plot::write_png(options.picture,
                  plot::side_by_side(panels, valid_utf8(options.data.data), captions));
}

RunReport::Score score_of(const Run& run) {
  RunReport::Score score{.name = fmt::format("folds by {}", run.folds_by),
                         .accuracy = run.report.pooled.accuracy,
                         .low = run.report.pooled.accuracy_low,
                         .high = run.report.pooled.accuracy_high,
                         .fold_accuracies = {}};
  for (const FoldReport& fold : run.report.folds) {
    score.fold_accuracies.push_back(fold.metrics.accuracy);
  }
  return score;
}

std::vector<RunReport::Curve> curves_of(const CrossValidationReport& report) {
  std::vector<RunReport::Curve> curves;
  for (const FoldReport& fold : report.folds) {
    for (const FittedHead::Member& member : fold.members) {
      RunReport::Curve& curve = curves.emplace_back();
      for (const HeadEpoch& epoch : member.epochs) {
        curve.epochs.push_back({.train_loss = epoch.train_loss,
                                .validation_loss = epoch.validation_loss,
                                .validation_accuracy = epoch.validation_accuracy});
      }
    }
  }
  return curves;
}

std::vector<RunReport::Fact> facts_of(const CrossvalOptions& options, const Run& shown,
                                      const nlohmann::json& settings) {
  std::vector<RunReport::Fact> facts = {
      {"Data", terminal_text(options.data.data)},
      {"Folds", fmt::format("{}, dealt by {}", options.validation.num_folds, shown.folds_by)},
      {"Seed", fmt::format("{}", options.validation.seed)}};
  for (const auto& [name, value] : settings.items()) {
    facts.push_back(
        {fmt::format("--{}", name), value.is_string() ? value.get<std::string>() : value.dump()});
  }
  facts.push_back({"Program", fmt::format("vggroove {}, crossval", VGGROOVE_VERSION)});
  return facts;
}

// The page is about the last run, and compares it with the others.
void write_report(const ReportFolder& folder, const CrossvalOptions& options,
                  const LoadedData& loaded, const std::vector<Run>& runs,
                  const std::vector<std::string>& warnings, const nlohmann::json& json) {
  const FeatureSet& features = loaded.features;
  const Run& shown = runs.back();
  std::vector<int> truth;
  for (const FeatureSet::Clip& clip : features.clips) {
    truth.push_back(clip.label);
  }
  RunReport report = run_report(features, features.labels, truth, shown.report.probabilities);
  report.title = title_of(options.data.data);
  report.subtitle = fmt::format("{}-fold cross-validation of {}; folds by {}, seed {}.",
                                options.validation.num_folds, data_text(features), shown.folds_by,
                                options.validation.seed);
  report.warnings = warnings;
  if (!loaded.failed.empty()) {
    report.warnings.push_back(failed_text(loaded));
  }
  if (runs.size() == 2) {
    report.warnings.push_back(difference_text(runs[0], runs[1]));
  }
  report.fold_of_clip = fold_of_clip(features, shown.report);
  for (const Run& run : runs) {
    report.scores.push_back(score_of(run));
  }
  report.curves = curves_of(shown.report);
  report.facts = facts_of(options, shown, json.at("settings"));
  folder.write(std::move(report), json);
}

int crossval(const CrossvalOptions& options) {
  for (const std::string& output : {options.json, options.picture}) {
    if (!output.empty() && output != "-") {
      require_writable(output);
    }
  }
  std::optional<ReportFolder> folder;
  if (!options.report.empty()) {
    folder.emplace(options.report);
  }
  const LoadedData loaded = load_data(open_data(options.data), options.data, options.model);
  const FeatureSet& features = loaded.features;
  std::vector<std::size_t> all_clips(features.clips.size());
  std::iota(all_clips.begin(), all_clips.end(), std::size_t{0});
  require_two_genres(features, all_clips, options.data.data);
  const bool grouped_data = has_groups(features);
  const std::vector<bool> grouped_runs = choose_runs(options, grouped_data);
  std::vector<Run> runs;
  runs.reserve(grouped_runs.size());
  for (const bool grouped : grouped_runs) {
    runs.push_back(run_folds(features, options.validation, grouped));
  }
  const std::vector<std::string> warnings = warnings_of(options, features, runs);
  for (const std::string& warning : warnings) {
    fmt::print(stderr, "vggroove: {}: {}\n", options.data.data, warning);
  }
  if (!options.json_to_stdout()) {
    print_runs(options, features, runs);
  }
  const nlohmann::json json = as_json(options, loaded, runs);
  if (!options.json.empty()) {
    write_json(options, json);
  }
  if (!options.picture.empty()) {
    write_picture(options, features, runs);
  }
  if (folder) {
    write_report(*folder, options, loaded, runs, warnings, json);
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
  add_head_training_options(*verb, options->validation.head);
  verb->add_option("--folds", options->validation.num_folds, "Parts that are tested in turn")
      ->capture_default_str()
      ->check(CLI::Range(2, 1000));
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
  verb->callback([&action, options] {
    action = [options] {
      options->validation.seed = options->validation.head.training.seed;
      options->validation.num_threads = options->model.num_jobs;
      return crossval(*options);
    };
  });
}

}  // namespace vggroove::cli

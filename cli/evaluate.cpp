#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>
#include <filesystem>
#include <memory>
#include <numeric>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "base/atomic_file.h"
#include "base/error.h"
#include "cli/data_options.h"
#include "cli/head_options.h"
#include "cli/metrics_table.h"
#include "cli/model_options.h"
#include "cli/report_folder.h"
#include "cli/unicode_text.h"
#include "cli/verbs.h"
#include "plot/charts.h"
#include "plot/png_file.h"
#include "train/feature_set.h"
#include "train/metrics.h"
#include "train/predict_clips.h"

namespace vggroove::cli {
namespace fs = std::filesystem;

namespace {

constexpr const char* kFooter =
    "Examples:\n"
    "  vggroove evaluate ~/gtzan --model genres.safetensors         a folder per genre\n"
    "  vggroove evaluate gtzan.csv --model genres.safetensors --split test\n"
    "  vggroove evaluate gtzan.csv --save-features gtzan.npz --json scores.json\n"
    "  vggroove evaluate gtzan.npz --head another-head.safetensors\n"
    "  vggroove evaluate ~/gtzan --model genres.safetensors --report report    report/index.html\n"
    "A file that cannot be read is reported and not counted, and the exit code is 3. Genres that\n"
    "the model knows and DATA lacks are fine; the other way round is an error.";

struct EvaluateOptions {
  DataOptions data;
  ModelOptions model;
  std::string split, json, picture, predictions, report;

  bool json_to_stdout() const { return json == "-"; }
};

// The class of the head for every label of the data.
std::vector<int> match_labels(const std::string& data, const std::vector<std::string>& labels,
                              const std::vector<std::string>& known) {
  std::vector<int> classes;
  std::vector<std::string> unknown;
  for (const std::string& label : labels) {
    const auto found = std::find(known.begin(), known.end(), label);
    classes.push_back(static_cast<int>(found - known.begin()));
    if (found == known.end()) {
      unknown.push_back(label);
    }
  }
  if (!unknown.empty()) {
    throw Error(ErrorClass::kUsage,
                fmt::format("{}: the model does not know {}; DATA has the labels {}; the model "
                            "knows {}. Rename the labels or leave those clips out",
                            data, fmt::join(unknown, ", "), fmt::join(labels, ", "),
                            fmt::join(known, ", ")));
  }
  return classes;
}

// Turns the rows into what the head takes.
void make_head_inputs(FeatureSet& features, const std::string& data, const LoadedHead& loaded) {
  const DenseHead& head = loaded.head;
  if (features.num_features != head.num_inputs) {
    throw Error(ErrorClass::kUsage,
                fmt::format("{}: the features have {} values per row, but the model's classifier "
                            "takes {}; they belong to different networks",
                            data, features.num_features, head.num_inputs));
  }
  if (features.input_form == head.input_form) {
    return;
  }
  if (features.input_form == "quantized") {
    throw Error(ErrorClass::kUsage,
                fmt::format("{}: holds features in AudioSet's form (PCA, 8 bit), but the model's "
                            "classifier takes plain embeddings; use a classifier trained on "
                            "AudioSet's form, or evaluate on the audio",
                            data));
  }
  features.rows = loaded.inputs(features.rows);
  features.input_form = head.input_form;
}

void write_picture(const std::string& path, const Metrics& metrics,
                   const std::vector<std::string>& labels, const std::string& data) {
  plot::ConfusionMatrix matrix{.labels = labels,
                               .counts = metrics.confusion,
                               .title = valid_utf8(data),
                               .captions = {"accuracy " + accuracy_text(metrics)}};
  plot::write_png(path, plot::confusion_matrix(matrix));
}

nlohmann::json as_json(const EvaluateOptions& options, const std::string& model,
                       const Metrics& metrics, const std::vector<std::string>& labels,
                       const LoadedData& loaded) {
  nlohmann::json json = metrics_to_json(metrics, labels);
  json["data"] = valid_utf8(options.data.data);
  json["split"] = options.split;
  json["model"] = valid_utf8(model);
  json["failed"] = loaded.failed_json();
  return json;
}

void write_json(const EvaluateOptions& options, const nlohmann::json& json) {
  const std::string text = json.dump(2) + "\n";
  if (options.json_to_stdout()) {
    fmt::print("{}", text);
  } else {
    write_file_atomically(options.json, text);
  }
}

void describe(RunReport& report, const EvaluateOptions& options, const std::string& model,
              const LoadedData& data) {
  report.title = title_of(options.data.data);
  report.subtitle =
      fmt::format("Predictions of {} for {}{}.", terminal_text(fs::path(model).filename().native()),
                  data_text(data.features),
                  options.split.empty() ? "" : fmt::format(" of the split {}", options.split));
  if (!data.failed.empty()) {
    report.warnings.push_back(failed_text(data));
  }
  report.facts = {{"Data", terminal_text(options.data.data)},
                  {"Model", terminal_text(model)},
                  {"Split", options.split.empty() ? "all clips" : options.split},
                  {"Program", fmt::format("vggroove {}, evaluate", VGGROOVE_VERSION)}};
}

// A table needs no network: then --head alone is enough, or a file that holds only a head.
LoadedHead head_for_table(const weights::ModelFile& file, const ModelOptions& options,
                          const FeatureSet& table) {
  if (file.has_head()) {
    LoadedHead loaded{.head = DenseHead::from_model(file), .postprocessor = std::nullopt};
    const bool needs_postprocessor =
        loaded.head.input_form == "quantized" && table.input_form == "float";
    if (!needs_postprocessor) {
      return loaded;
    }
  }
  return load_head(file, options);
}

int evaluate(const EvaluateOptions& options) {
  for (const std::string& output : {options.json, options.picture, options.predictions}) {
    if (!output.empty() && output != "-") {
      require_writable(output);
    }
  }
  std::optional<ReportFolder> folder;
  if (!options.report.empty()) {
    folder.emplace(options.report);
  }
  OpenedData opened = open_data(options.data, options.split);
  const bool head_is_enough = opened.table && !options.model.head.empty();
  const weights::ModelFile model =
      head_is_enough ? weights::ModelFile::open(options.model.head) : open_model(options.model);
  const LoadedHead loaded_head = opened.table ? head_for_table(model, options.model, *opened.table)
                                              : load_head(model, options.model);
  const DenseHead& head = loaded_head.head;
  match_labels(options.data.data, opened.labels(), head.labels);  // before hours of embedding

  LoadedData data = load_data(std::move(opened), options.data, options.model);
  make_head_inputs(data.features, options.data.data, loaded_head);
  const std::vector<int> class_of_label =
      match_labels(options.data.data, data.features.labels, head.labels);
  std::vector<int> truth;
  truth.reserve(data.features.clips.size());
  for (const FeatureSet::Clip& clip : data.features.clips) {
    truth.push_back(class_of_label[static_cast<std::size_t>(clip.label)]);
  }
  std::vector<std::size_t> all_clips(data.features.clips.size());
  std::iota(all_clips.begin(), all_clips.end(), std::size_t{0});
  const std::vector<double> probabilities = predict_clips(head, data.features, all_clips);
  const Metrics metrics = compute_metrics(truth, probabilities, head.num_classes());

  if (!options.json_to_stdout()) {
    fmt::print("{}", metrics_table(metrics, head.labels));
    if (!data.failed.empty()) {
      fmt::print("\nnot counted, because they could not be read: {}\n", data.failed.size());
    }
  }
  const std::string model_path = model.path().string();
  const nlohmann::json json = as_json(options, model_path, metrics, head.labels, data);
  if (!options.json.empty()) {
    write_json(options, json);
  }
  if (!options.picture.empty()) {
    write_picture(options.picture, metrics, head.labels, options.data.data);
  }
  RunReport report = run_report(data.features, head.labels, truth, probabilities);
  if (!options.predictions.empty()) {
    write_file_atomically(options.predictions, predictions_csv(report));
  }
  if (folder) {
    describe(report, options, model_path, data);
    folder->write(std::move(report), json);
  }
  return data.exit_code();
}

}  // namespace

void add_evaluate(CLI::App& app, Action& action) {
  CLI::App* verb = app.add_subcommand("evaluate", "Score a model on labelled clips");
  verb->footer(kFooter);
  const auto options = std::make_shared<EvaluateOptions>();
  add_data_options(*verb, options->data);
  add_model_options(*verb, options->model);
  add_head_option(*verb, options->model);
  verb->add_option("--split", options->split, "Only the clips of this split")
      ->type_name("NAME")
      ->check(CLI::IsMember({"train", "valid", "test"}));
  verb->add_option("--json", options->json,
                   "Write the scores as JSON; - prints them instead of a table")
      ->type_name("FILE");
  verb->add_option("--picture", options->picture, "Draw the confusion matrix")
      ->type_name("FILE.png");
  verb->add_option("--predictions", options->predictions,
                   "Write a CSV row per clip: path, label, prediction, probabilities")
      ->type_name("FILE.csv");
  add_report_option(*verb, options->report);
  verb->callback([&action, options] { action = [options] { return evaluate(*options); }; });
}

}  // namespace vggroove::cli

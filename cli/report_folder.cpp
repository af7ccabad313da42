#include "cli/report_folder.h"

#include <fmt/format.h>

#include <algorithm>
#include <cstddef>
#include <system_error>
#include <utility>
#include <vector>

#include "base/atomic_file.h"
#include "base/error.h"
#include "cli/logmel_map.h"
#include "cli/output_rows.h"
#include "cli/report_pictures.h"
#include "cli/unicode_text.h"
#include "kernels/dsp/logmel.h"
#include "pipeline/clip_decoder.h"
#include "plot/charts.h"
#include "plot/png_file.h"

namespace vggroove::cli {
namespace fs = std::filesystem;

namespace {

constexpr const char* kPage = "index.html";
constexpr std::size_t kMostErrorsShown = 12;
constexpr std::size_t kMostExamplesShown = 31;  // 30 s
// Of the spectrogram in the page, which stretches it: 40 kB where the whole is 150 kB.
constexpr int kSpectrogramWidth = 400;

// The first examples of a clip. Throws the reader's Error.
std::vector<float> first_examples(const fs::path& path) {
  ClipDecoder decoder(path, false);
  std::vector<float> examples(kMostExamplesShown * LogMelSpec::kExampleValues);
  std::size_t count = 0;
  while (count < kMostExamplesShown && !decoder.finished()) {
    count += decoder.decode(examples.data() + count * LogMelSpec::kExampleValues,
                            kMostExamplesShown - count);
  }
  examples.resize(count * LogMelSpec::kExampleValues);
  return examples;
}

std::string error_picture_name(std::size_t number) {
  return fmt::format("error-{:02}.png", number);
}

// Pictures of the worst errors, in the report and in the folder.
void draw_errors(RunReport& report, const fs::path& folder) {
  const std::vector<std::size_t> errors = worst_errors(report, kMostErrorsShown);
  for (std::size_t i = 0; i < kMostErrorsShown; ++i) {
    const fs::path file = folder / error_picture_name(i + 1);
    remove_old_file(file);
    if (i >= errors.size()) {
      continue;
    }
    RunReport::Picture picture{.clip = errors[i], .png = "", .why_none = "", .duration_s = 0};
    const fs::path audio = report.clips[errors[i]];
    std::error_code unreadable;
    if (!fs::is_regular_file(audio, unreadable)) {
      picture.why_none = "no audio file of this name (feature tables hold none).";
    } else {
      try {
        const std::vector<float> examples = first_examples(audio);
        const plot::HeatMap map = logmel_map(examples, "Log-mel of " + audio.filename().string());
        plot::write_png(file, plot::heat_map(map));
        picture.png = plot::encode_png(plot::heat_map_values(map, kSpectrogramWidth, 1));
        picture.duration_s = static_cast<double>(map.num_columns) * LogMelSpec::kHopSamples /
                             LogMelSpec::kSampleRateHz;
      } catch (const Error& error) {
        if (error.error_class() == ErrorClass::kIo) {
          throw;
        }
        picture.why_none = error.what();
      }
    }
    report.pictures.push_back(std::move(picture));
  }
}

}  // namespace

void add_report_option(CLI::App& verb, std::string& folder) {
  verb.add_option("--report", folder,
                  "Write a page about the result, with charts and the worst errors, and its "
                  "numbers and pictures as files; open index.html")
      ->type_name("FOLDER");
}

ReportFolder::ReportFolder(fs::path folder) : folder_(std::move(folder)) {
  std::error_code reason;
  fs::create_directories(folder_, reason);
  if (reason || !fs::is_directory(folder_)) {
    throw Error(ErrorClass::kIo, fmt::format("{}: cannot make this folder: {}", folder_.string(),
                                             reason ? reason.message() : "it is a file"));
  }
  require_writable(folder_ / kPage);
}

void ReportFolder::write(RunReport report, const nlohmann::json& metrics) const {
  remove_old_file(folder_ / kPage);
  write_file_atomically(
      folder_ / "metrics.json",
      metrics.dump(2, ' ', false, nlohmann::json::error_handler_t::replace) + "\n");
  write_file_atomically(folder_ / "predictions.csv", predictions_csv(report));
  report.files = {{"metrics.json", "all scores, for machines"},
                  {"predictions.csv", "a row per clip: label, prediction, probabilities"}};
  for (RunReport::File& file : draw_charts(report, folder_)) {
    report.files.push_back(std::move(file));
  }
  draw_errors(report, folder_);
  for (std::size_t i = 0; i < report.pictures.size(); ++i) {
    if (!report.pictures[i].png.empty()) {
      report.files.push_back({error_picture_name(i + 1), "spectrogram of a worst error"});
    }
  }
  for (std::string& name : report.clips) {
    name = terminal_text(name);
  }
  write_file_atomically(folder_ / kPage, report_page(report));
}

RunReport run_report(const FeatureSet& features, const std::vector<std::string>& labels,
                     const std::vector<int>& truth, const std::vector<double>& probabilities) {
  RunReport report;
  report.truth = truth;
  report.probabilities = probabilities;
  for (const std::string& label : labels) {
    report.labels.push_back(valid_utf8(label));
  }
  for (const FeatureSet::Clip& clip : features.clips) {
    report.clips.push_back(clip.id);
  }
  return report;
}

std::string title_of(const std::string& data) {
  const fs::path path(data);
  const fs::path name = path.has_filename() ? path.filename() : path.parent_path().filename();
  return terminal_text(name.empty() ? data : name.native());
}

std::string failed_text(const LoadedData& loaded) {
  return fmt::format("{} files could not be read and are not counted; metrics.json names them.",
                     loaded.failed.size());
}

std::string predictions_csv(const RunReport& report) {
  const std::size_t k = report.labels.size();
  const bool has_folds = !report.fold_of_clip.empty();
  std::string text = has_folds ? "path,label,prediction,fold" : "path,label,prediction";
  for (const std::string& label : report.labels) {
    text += ',' + csv_field("p_" + label);
  }
  text += '\n';
  for (std::size_t i = 0; i < report.clips.size(); ++i) {
    const auto row = report.probabilities.begin() + static_cast<std::ptrdiff_t>(i * k);
    const auto best = std::max_element(row, row + static_cast<std::ptrdiff_t>(k)) - row;
    text += fmt::format("{},{},{}", csv_field(valid_utf8(report.clips[i])),
                        csv_field(report.labels[static_cast<std::size_t>(report.truth[i])]),
                        csv_field(report.labels[static_cast<std::size_t>(best)]));
    if (has_folds) {
      text += fmt::format(",{}", report.fold_of_clip[i] + 1);
    }
    for (std::size_t c = 0; c < k; ++c) {
      text += fmt::format(",{:.6f}", row[static_cast<std::ptrdiff_t>(c)]);
    }
    text += '\n';
  }
  return text;
}

}  // namespace vggroove::cli

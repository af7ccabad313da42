#pragma once

#include <CLI/CLI.hpp>
#include <filesystem>
#include <nlohmann/json.hpp>
#include <string>
#include <vector>

#include "cli/data_options.h"
#include "train/feature_set.h"
#include "train/report/run_report.h"

namespace vggroove::cli {

// --report
void add_report_option(CLI::App& verb, std::string& folder);

// What --report DIR writes: index.html, a page that is complete in itself, and beside it
// metrics.json, predictions.csv, the charts of draw_charts() and the worst errors' spectrograms as
// error-01.png, ...
class ReportFolder {
 public:
  // Makes the folder where it is missing, so that hours of work do not end at a wrong path. Throws
  // Error(kIo) where it cannot be written.
  explicit ReportFolder(std::filesystem::path folder);

  // Each file is written whole or not at all, and index.html last: an older one is removed first,
  // so that a page always stands beside its own numbers. Other files are left alone. Clips whose
  // name is the path of an audio file get a spectrogram of its first 30 s. Throws Error(kIo).
  void write(RunReport report, const nlohmann::json& metrics) const;

 private:
  std::filesystem::path folder_;
};

// The report of predictions: probabilities [clips, K] for the clips of `features`, whose classes in
// `labels` [K] are `truth`. Its clips keep their ids, which may be paths in any encoding: write()
// makes them text.
RunReport run_report(const FeatureSet& features, const std::vector<std::string>& labels,
                     const std::vector<int>& truth, const std::vector<double>& probabilities);

// The name of DATA as a title, and what a reader must know of files that failed.
std::string title_of(const std::string& data);
std::string failed_text(const LoadedData& loaded);

// A CSV row per clip: path, label, prediction, [fold,] a probability per label.
std::string predictions_csv(const RunReport& report);

}  // namespace vggroove::cli

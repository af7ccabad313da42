#pragma once

#include <nlohmann/json.hpp>
#include <string>
#include <string_view>
#include <vector>

#include "train/cross_validation_report.h"
#include "train/feature_set.h"
#include "train/report/run_report.h"

namespace vggroove::cli {

// What one way to divide the data gave.
struct CrossvalRun {
  std::string_view divided_by;  // "clips", "groups" or "lists"
  std::vector<Partition> partitions;
  std::vector<CrossValidationReport> reports;  // one, or one per setting of a grid

  std::string name() const;  // "folds by groups", "lists"
};

// A column per run: accuracy per fold, mean and deviation, pooled accuracy with its interval.
std::string folds_table(const std::vector<CrossvalRun>& runs);

// Of a grid without selection: a line per setting, named by the options that vary.
std::string settings_table(const CrossvalRun& run);

// How often the selection took each setting, and in which folds.
std::string selection_text(const CrossValidationReport& report);

// The five metrics with their spread and intervals, per clip and per segment.
std::string summary_table(const CrossValidationReport& report);

// "Folds by clips promise +24.0 points of accuracy against folds by groups."
std::string difference_text(const CrossvalRun& by_clips, const CrossvalRun& by_groups);

// A confusion matrix per run (of its first report), side by side.
void write_confusions(const std::string& png, const std::string& title, const FeatureSet& features,
                      const std::vector<CrossvalRun>& runs);

// The page about the last run's first report, whose scores stand beside the other runs'. Titles,
// warnings and facts are the caller's to add.
RunReport page_of(const std::vector<CrossvalRun>& runs, const FeatureSet& features);

}  // namespace vggroove::cli

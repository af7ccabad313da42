#pragma once

#include <string>
#include <vector>

#include "train/calibration.h"
#include "train/metrics.h"
#include "train/report/run_report.h"

namespace vggroove {

// A run and what follows from its predictions.
struct ScoredRun {
  const RunReport& report;
  Metrics metrics;
  Calibration calibration;
  std::vector<RunReport::Score> scores;  // at least one; the one of these predictions last
};

// Parts of the page, each a <section> with an id, or nothing where the run has nothing to show.
std::string result_section(const ScoredRun& run);       // #result
std::string confusion_section(const ScoredRun& run);    // #confusion
std::string classes_section(const ScoredRun& run);      // #classes
std::string folds_section(const ScoredRun& run);        // #folds
std::string curves_section(const ScoredRun& run);       // #curves
std::string calibration_section(const ScoredRun& run);  // #calibration
std::string errors_section(const ScoredRun& run);       // #errors
std::string origin_section(const ScoredRun& run);       // #origin

}  // namespace vggroove

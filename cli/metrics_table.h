#pragma once

#include <string>
#include <vector>

#include "train/metrics.h"

namespace vggroove::cli {

// Scores for people: accuracy with its interval, averages, a line per class, and the confusion
// matrix, whose columns are numbered like the lines of the classes. Ends in a newline.
std::string metrics_table(const Metrics& metrics, const std::vector<std::string>& labels);

// "57.0 % (308 of 540 clips; 95 % interval 52.8 to 61.1 %)"
std::string accuracy_text(const Metrics& metrics);

}  // namespace vggroove::cli

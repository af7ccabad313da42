#pragma once

#include <filesystem>
#include <vector>

#include "train/report/run_report.h"

namespace vggroove::cli {

// Draws the charts of a report into a folder: confusion.png, f1.png, calibration.png and, where
// there are learning curves, curves.png (one of an earlier report is removed where there are none).
// Returns the files. Throws Error(kIo).
std::vector<RunReport::File> draw_charts(const RunReport& report,
                                         const std::filesystem::path& folder);

// Removes a file of an earlier report, where there is one. Throws Error(kIo).
void remove_old_file(const std::filesystem::path& path);

}  // namespace vggroove::cli

#pragma once

#include <span>
#include <string>

#include "train/calibration.h"
#include "train/report/run_report.h"

namespace vggroove {

// The charts of the page, each an <svg> element. Their horizontal positions are shares of the width
// that the page gives them, their vertical ones and their letters are pixels: so they are as
// readable on a telephone as on a desk. Colours are classes of the page's style sheet.

// A row per score on one axis from 0 to 100 %: its interval as a band and its value as a dot, with
// a line where guessing among num_classes would be.
std::string score_strip(std::span<const RunReport::Score> scores, std::size_t num_classes);

// A row per fold: the accuracy of each score there (the last one filled), and the last one's mean.
// Folds that a score lacks are left out.
std::string fold_chart(std::span<const RunReport::Score> scores);

// Accuracy against confidence, a dot per bin with its interval, and the bins' clips below.
std::string reliability_chart(const Calibration& calibration);

// Loss by epoch: training and validation, a thin line per curve and a thick one for the median of
// those that run at that epoch (as long as half of them do).
std::string loss_chart(std::span<const RunReport::Curve> curves);
std::string validation_accuracy_chart(std::span<const RunReport::Curve> curves);

}  // namespace vggroove

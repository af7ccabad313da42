#include "train/calibration.h"

#include <algorithm>
#include <cmath>
#include <cstddef>
#include <tuple>

#include "train/metrics.h"

namespace vggroove {

Calibration calibration_of(std::span<const int> truth, std::span<const double> probabilities,
                           int num_classes, int num_bins) {
  const auto k = static_cast<std::size_t>(num_classes);
  std::vector<std::int64_t> hits(static_cast<std::size_t>(num_bins));
  Calibration calibration;
  calibration.bins.resize(static_cast<std::size_t>(num_bins));
  for (std::size_t clip = 0; clip < truth.size(); ++clip) {
    const std::span<const double> row = probabilities.subspan(clip * k, k);
    const auto best = std::max_element(row.begin(), row.end());
    const auto b = static_cast<std::size_t>(
        std::clamp(static_cast<int>(std::floor(*best * num_bins)), 0, num_bins - 1));
    ++calibration.bins[b].num_clips;
    calibration.bins[b].confidence += *best;
    hits[b] += best - row.begin() == truth[clip] ? 1 : 0;
  }
  for (std::size_t b = 0; b < hits.size(); ++b) {
    Calibration::Bin& bin = calibration.bins[b];
    if (bin.num_clips > 0) {
      const auto n = static_cast<double>(bin.num_clips);
      bin.confidence /= n;
      bin.accuracy = static_cast<double>(hits[b]) / n;
      std::tie(bin.accuracy_low, bin.accuracy_high) = wilson_interval(hits[b], bin.num_clips);
      calibration.expected_error +=
          n / static_cast<double>(truth.size()) * std::abs(bin.accuracy - bin.confidence);
    }
  }
  return calibration;
}

}  // namespace vggroove

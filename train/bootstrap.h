#pragma once

#include <cstdint>
#include <span>
#include <string>
#include <vector>

namespace vggroove {

// 95 % intervals of scores by the percentile bootstrap (Efron 1979): units are drawn with
// replacement, as many as there are, and scored again. A unit is what was sampled independently: a
// clip with all of its segments, or a group with all of its clips; segments drawn one by one would
// make the interval too narrow by the square root of their number per clip.

struct Interval {
  double low = 0, high = 0;
};

struct ScoreIntervals {
  Interval accuracy, macro_precision, macro_recall, macro_f1, log_loss;
};

// Predictions of n items of K classes, once per repetition of a cross-validation.
struct ScoredItems {
  std::vector<int> truth;                          // [n]
  std::vector<std::size_t> unit;                   // [n]: items of one unit are drawn together
  std::vector<std::vector<double>> probabilities;  // [repetitions][n, K]
  int num_classes = 0;
};

inline constexpr int kBootstrapSamples = 2000;

// Intervals of the scores' mean over the repetitions: of a drawn unit all repetitions count, since
// repeating does not make clips more. The same seed gives the same intervals.
// Throws what compute_metrics() throws.
ScoreIntervals bootstrap_intervals(const ScoredItems& items, std::uint64_t seed,
                                   int num_samples = kBootstrapSamples);

}  // namespace vggroove

#include "train/bootstrap.h"

#include <algorithm>
#include <array>
#include <cmath>
#include <cstddef>
#include <tuple>
#include <utility>

#include "train/metrics.h"
#include "train/random.h"

namespace vggroove {
namespace {

// What a unit adds to the scores of a repetition.
struct UnitCounts {
  struct Cell {
    std::size_t truth_and_prediction = 0;  // truth * K + prediction
    std::int64_t count = 0;
  };
  std::vector<Cell> cells;
  double loss = 0;  // sum over the unit's items

  void add(std::size_t truth_and_prediction) {
    for (Cell& cell : cells) {
      if (cell.truth_and_prediction == truth_and_prediction) {
        ++cell.count;
        return;
      }
    }
    cells.push_back({truth_and_prediction, 1});
  }
};

std::vector<UnitCounts> count_units(const ScoredItems& items,
                                    const std::vector<double>& probabilities) {
  const auto k = static_cast<std::size_t>(items.num_classes);
  std::vector<UnitCounts> units;
  for (std::size_t item = 0; item < items.truth.size(); ++item) {
    units.resize(std::max(units.size(), items.unit[item] + 1));
    const std::span<const double> row = std::span(probabilities).subspan(item * k, k);
    const auto prediction =
        static_cast<std::size_t>(std::max_element(row.begin(), row.end()) - row.begin());
    const auto truth = static_cast<std::size_t>(items.truth[item]);
    units[items.unit[item]].add(truth * k + prediction);
    units[items.unit[item]].loss += item_log_loss(row[truth]);
  }
  std::erase_if(units, [](const UnitCounts& unit) { return unit.cells.empty(); });
  return units;
}

// accuracy, macro precision, recall and F1, log loss
using Scores = std::array<double, 5>;

Scores scores_of(const std::vector<UnitCounts>& units, std::span<const std::size_t> drawn, int k) {
  std::vector<std::int64_t> confusion(static_cast<std::size_t>(k) * static_cast<std::size_t>(k));
  double loss = 0;
  for (const std::size_t unit : drawn) {
    for (const UnitCounts::Cell& cell : units[unit].cells) {
      confusion[cell.truth_and_prediction] += cell.count;
    }
    loss += units[unit].loss;
  }
  const Metrics metrics = metrics_of_confusion(std::move(confusion), k);
  return {metrics.accuracy, metrics.macro.precision, metrics.macro.recall, metrics.macro.f1,
          loss / static_cast<double>(metrics.num_clips)};
}

// Linear between the two nearest of the sorted values, as NumPy's quantile.
double quantile(std::span<const double> sorted, double q) {
  const double at = q * static_cast<double>(sorted.size() - 1);
  const auto below = static_cast<std::size_t>(at);
  const std::size_t above = std::min(below + 1, sorted.size() - 1);
  return std::lerp(sorted[below], sorted[above], at - static_cast<double>(below));
}

}  // namespace

ScoreIntervals bootstrap_intervals(const ScoredItems& items, std::uint64_t seed, int num_samples) {
  std::vector<std::vector<UnitCounts>> repetitions;
  for (const std::vector<double>& probabilities : items.probabilities) {
    compute_metrics(items.truth, probabilities,
                    items.num_classes);  // refuses what cannot be scored
    repetitions.push_back(count_units(items, probabilities));
  }
  const std::size_t num_units = repetitions.front().size();
  std::array<std::vector<double>, std::tuple_size_v<Scores>> samples;
  std::vector<std::size_t> drawn(num_units);
  Random random(seed);
  for (int sample = 0; sample < num_samples; ++sample) {
    for (std::size_t& unit : drawn) {
      unit = static_cast<std::size_t>(random.below(num_units));
    }
    Scores mean{};
    for (const std::vector<UnitCounts>& units : repetitions) {
      const Scores scores = scores_of(units, drawn, items.num_classes);
      for (std::size_t i = 0; i < scores.size(); ++i) {
        mean[i] += scores[i] / static_cast<double>(repetitions.size());
      }
    }
    for (std::size_t i = 0; i < mean.size(); ++i) {
      samples[i].push_back(mean[i]);
    }
  }
  const auto interval = [&samples](std::size_t score) {
    std::sort(samples[score].begin(), samples[score].end());
    return Interval{quantile(samples[score], 0.025), quantile(samples[score], 0.975)};
  };
  return {interval(0), interval(1), interval(2), interval(3), interval(4)};
}

}  // namespace vggroove

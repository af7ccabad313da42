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

// What each unit adds to the scores of a repetition, one unit after the other in memory.
struct UnitCounts {
  struct Cell {
    std::size_t truth_and_prediction = 0;  // truth * K + prediction
    std::int64_t count = 0;
  };
  std::vector<Cell> cells;
  std::vector<std::size_t> first_cell;  // [units + 1]
  std::vector<double> losses;           // [units], each the sum over the unit's items

  std::size_t size() const { return losses.size(); }
};

// Units without items are left out.
UnitCounts count_units(const ScoredItems& items, const std::vector<double>& probabilities) {
  const auto k = static_cast<std::size_t>(items.num_classes);
  struct Unit {
    std::vector<UnitCounts::Cell> cells;
    double loss = 0;
  };
  std::vector<Unit> units;
  for (std::size_t item = 0; item < items.truth.size(); ++item) {
    units.resize(std::max(units.size(), items.unit[item] + 1));
    Unit& unit = units[items.unit[item]];
    const std::span<const double> row = std::span(probabilities).subspan(item * k, k);
    const auto prediction =
        static_cast<std::size_t>(std::max_element(row.begin(), row.end()) - row.begin());
    const auto truth = static_cast<std::size_t>(items.truth[item]);
    const std::size_t cell = truth * k + prediction;
    const auto counted =
        std::find_if(unit.cells.begin(), unit.cells.end(),
                     [cell](const UnitCounts::Cell& c) { return c.truth_and_prediction == cell; });
    if (counted == unit.cells.end()) {
      unit.cells.push_back({cell, 1});
    } else {
      ++counted->count;
    }
    unit.loss += item_log_loss(row[truth]);
  }
  UnitCounts counts;
  counts.first_cell.push_back(0);
  for (const Unit& unit : units) {
    if (!unit.cells.empty()) {
      counts.cells.insert(counts.cells.end(), unit.cells.begin(), unit.cells.end());
      counts.first_cell.push_back(counts.cells.size());
      counts.losses.push_back(unit.loss);
    }
  }
  return counts;
}

// accuracy, macro precision, recall and F1, log loss
using Scores = std::array<double, 5>;

Scores scores_of(const UnitCounts& units, std::span<const std::size_t> drawn, int k) {
  std::vector<std::int64_t> confusion(static_cast<std::size_t>(k) * static_cast<std::size_t>(k));
  double loss = 0;
  for (const std::size_t unit : drawn) {
    for (std::size_t i = units.first_cell[unit]; i < units.first_cell[unit + 1]; ++i) {
      confusion[units.cells[i].truth_and_prediction] += units.cells[i].count;
    }
    loss += units.losses[unit];
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
  std::vector<UnitCounts> repetitions;
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
    for (const UnitCounts& units : repetitions) {
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

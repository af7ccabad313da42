#include "train/metrics.h"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <cstddef>
#include <limits>
#include <tuple>
#include <utility>

#include "base/error.h"

namespace vggroove {
namespace {

void check(std::span<const int> truth, std::span<const double> probabilities, int num_classes,
           int top_k) {
  if (num_classes < 2 || top_k < 1) {
    throw Error(ErrorClass::kUsage,
                fmt::format("metrics: {} classes and top {}; at least 2 and 1 are needed",
                            num_classes, top_k));
  }
  if (truth.empty()) {
    throw Error(ErrorClass::kEmpty, "metrics: there is no clip to score");
  }
  constexpr double kRounding = 1e-6;  // means of fp32 probabilities may end above 1
  const auto k = static_cast<std::size_t>(num_classes);
  if (probabilities.size() != truth.size() * k) {
    throw Error(ErrorClass::kUsage,
                fmt::format("metrics: {} probabilities for {} clips of {} classes",
                            probabilities.size(), truth.size(), num_classes));
  }
  for (std::size_t clip = 0; clip < truth.size(); ++clip) {
    if (truth[clip] < 0 || truth[clip] >= num_classes) {
      throw Error(ErrorClass::kUsage, fmt::format("metrics: clip {} is of class {}, not 0 .. {}",
                                                  clip, truth[clip], num_classes - 1));
    }
    for (std::size_t c = 0; c < k; ++c) {
      const double p = probabilities[clip * k + c];
      if (!(p >= 0 && p <= 1 + kRounding)) {  // NaN fails too
        throw Error(ErrorClass::kInvalid,
                    fmt::format("metrics: clip {} has the probability {} for class {}; the model "
                                "that made it is broken",
                                clip, p, c));
      }
    }
  }
}

double ratio_or_zero(std::int64_t numerator, std::int64_t denominator) {
  return denominator == 0 ? 0.0 : static_cast<double>(numerator) / static_cast<double>(denominator);
}

// How many classes stand before `truth` when the largest probability is first and, as in
// scikit-learn, the later class first where two are equal.
int rank_of(std::span<const double> row, int truth) {
  const double p = row[static_cast<std::size_t>(truth)];
  int rank = 0;
  for (std::size_t c = 0; c < row.size(); ++c) {
    rank += row[c] > p || (row[c] == p && c > static_cast<std::size_t>(truth)) ? 1 : 0;
  }
  return rank;
}

// Precision, recall and F1 of every class and their averages, from the confusion matrix.
void score_classes(Metrics& metrics, std::size_t k) {
  const auto weight_of_class = 1.0 / static_cast<double>(k);
  for (std::size_t c = 0; c < k; ++c) {
    std::int64_t support = 0, predicted = 0;
    for (std::size_t other = 0; other < k; ++other) {
      support += metrics.confusion[c * k + other];
      predicted += metrics.confusion[other * k + c];
    }
    const std::int64_t hits = metrics.confusion[c * k + c];
    const Metrics::PerClass scores{.precision = ratio_or_zero(hits, predicted),
                                   .recall = ratio_or_zero(hits, support),
                                   .f1 = ratio_or_zero(2 * hits, support + predicted),
                                   .support = support};
    metrics.per_class.push_back(scores);
    const double share = static_cast<double>(support) / static_cast<double>(metrics.num_clips);
    const auto add = [&scores](Metrics::Average& average, double weight) {
      average.precision += weight * scores.precision;
      average.recall += weight * scores.recall;
      average.f1 += weight * scores.f1;
    };
    add(metrics.macro, weight_of_class);
    add(metrics.weighted, share);
  }
}

}  // namespace

std::pair<double, double> wilson_interval(std::int64_t hits, std::int64_t n) {
  constexpr double kZ = 1.959963984540054;  // 97.5 % quantile of the normal distribution
  const auto count = static_cast<double>(n);
  const double p = static_cast<double>(hits) / count;
  const double centre = (p + kZ * kZ / (2 * count)) / (1 + kZ * kZ / count);
  const double half =
      kZ / (1 + kZ * kZ / count) * std::sqrt(p * (1 - p) / count + kZ * kZ / (4 * count * count));
  return {std::max(0.0, centre - half), std::min(1.0, centre + half)};
}

Metrics metrics_of_confusion(std::vector<std::int64_t> confusion, int num_classes) {
  const auto k = static_cast<std::size_t>(num_classes);
  Metrics metrics;
  metrics.confusion = std::move(confusion);
  std::int64_t hits = 0;
  for (std::size_t cell = 0; cell < k * k; ++cell) {
    metrics.num_clips += metrics.confusion[cell];
    hits += cell % (k + 1) == 0 ? metrics.confusion[cell] : 0;
  }
  metrics.accuracy = static_cast<double>(hits) / static_cast<double>(metrics.num_clips);
  std::tie(metrics.accuracy_low, metrics.accuracy_high) = wilson_interval(hits, metrics.num_clips);
  score_classes(metrics, k);
  return metrics;
}

double item_log_loss(double probability) {
  constexpr double kClip = std::numeric_limits<double>::epsilon();
  return -std::log(std::clamp(probability, kClip, 1 - kClip));
}

Metrics compute_metrics(std::span<const int> truth, std::span<const double> probabilities,
                        int num_classes, int top_k) {
  check(truth, probabilities, num_classes, top_k);
  const auto k = static_cast<std::size_t>(num_classes);
  std::vector<std::int64_t> confusion(k * k);
  std::int64_t top_k_hits = 0;
  double loss = 0;
  for (std::size_t clip = 0; clip < truth.size(); ++clip) {
    const std::span<const double> row = probabilities.subspan(clip * k, k);
    const auto prediction =
        static_cast<std::size_t>(std::max_element(row.begin(), row.end()) - row.begin());
    const auto true_class = static_cast<std::size_t>(truth[clip]);
    ++confusion[true_class * k + prediction];
    top_k_hits += rank_of(row, truth[clip]) < top_k ? 1 : 0;
    loss += item_log_loss(row[true_class]);
  }
  Metrics metrics = metrics_of_confusion(std::move(confusion), num_classes);
  const auto n = static_cast<double>(metrics.num_clips);
  metrics.log_loss = loss / n;
  metrics.top_k = top_k;
  metrics.top_k_accuracy = static_cast<double>(top_k_hits) / n;
  return metrics;
}

nlohmann::json metrics_to_json(const Metrics& metrics, const std::vector<std::string>& labels) {
  const std::size_t k = metrics.per_class.size();
  if (labels.size() != k) {
    throw Error(ErrorClass::kUsage,
                fmt::format("metrics: {} labels for {} classes", labels.size(), k));
  }
  const auto scores = [](const auto& s) {
    return nlohmann::json{{"precision", s.precision}, {"recall", s.recall}, {"f1", s.f1}};
  };
  nlohmann::json per_class = nlohmann::json::object(), confusion = nlohmann::json::array();
  for (std::size_t c = 0; c < k; ++c) {
    per_class[labels[c]] = scores(metrics.per_class[c]);
    per_class[labels[c]]["support"] = metrics.per_class[c].support;
    const auto row = metrics.confusion.begin() + static_cast<std::ptrdiff_t>(c * k);
    confusion.push_back(std::vector<std::int64_t>(row, row + static_cast<std::ptrdiff_t>(k)));
  }
  return {{"num_clips", metrics.num_clips},
          {"accuracy", metrics.accuracy},
          {"accuracy_interval_95", {metrics.accuracy_low, metrics.accuracy_high}},
          {"macro", scores(metrics.macro)},
          {"weighted", scores(metrics.weighted)},
          {"log_loss", metrics.log_loss},
          {"top_k", metrics.top_k},
          {"top_k_accuracy", metrics.top_k_accuracy},
          {"per_class", per_class},
          {"confusion", confusion},
          {"labels", labels}};
}

}  // namespace vggroove

#pragma once

#include <cstdint>
#include <nlohmann/json.hpp>
#include <span>
#include <string>
#include <utility>
#include <vector>

namespace vggroove {

// Wilson's 95 % interval (low, high) of a share of which `hits` of n >= 1 were seen.
std::pair<double, double> wilson_interval(std::int64_t hits, std::int64_t n);

// Scores of a K-class classifier; definitions and zero-division rule (0) as in scikit-learn.
struct Metrics {
  struct PerClass {
    double precision = 0, recall = 0, f1 = 0;
    std::int64_t support = 0;
  };
  struct Average {
    double precision = 0, recall = 0, f1 = 0;
  };
  std::int64_t num_clips = 0;
  double accuracy = 0;
  // Wilson's 95 % interval of the accuracy: where it may lie for clips of this kind, if they were
  // drawn one by one (clips of few artists tell less than their number says).
  double accuracy_low = 0, accuracy_high = 0;
  Average macro, weighted;
  double log_loss = 0;  // natural logarithm; probabilities clipped as scikit-learn does
  int top_k = 3;
  double top_k_accuracy = 0;
  std::vector<PerClass> per_class;      // [K]
  std::vector<std::int64_t> confusion;  // [K, K] row = truth, column = prediction
};

// truth [n] class indices; probabilities [n, K] row-major. The prediction is the first maximum; the
// top k are chosen as in scikit-learn, the later class first where two are equal (so top 1 can
// differ from the accuracy). Throws Error: kEmpty without clips, kInvalid naming the clip whose
// probability is not in [0, 1 + 1e-6], kUsage where the sizes do not fit.
Metrics compute_metrics(std::span<const int> truth, std::span<const double> probabilities,
                        int num_classes, int top_k = 3);

// The scores that follow from the confusion matrix [K, K] alone: all but the log loss and the top
// k, which stay 0. Its sum must be positive.
Metrics metrics_of_confusion(std::vector<std::int64_t> confusion, int num_classes);

// What one item adds to the log loss, before the division by their number: -ln of the probability
// of its class, clipped as scikit-learn 1.9 does ([eps, 1 - eps] of double, not renormalised).
double item_log_loss(double probability);

// {"num_clips", "accuracy", "accuracy_interval_95": [low, high], "macro": {...}, "weighted": {...},
// "log_loss", "top_k", "top_k_accuracy",
//  "per_class": {label: {...}}, "confusion": [[...]], "labels": [...]}
nlohmann::json metrics_to_json(const Metrics& metrics, const std::vector<std::string>& labels);

}  // namespace vggroove

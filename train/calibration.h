#pragma once

#include <cstdint>
#include <span>
#include <vector>

namespace vggroove {

// Whether a classifier is right as often as it says: clips sorted by the probability of what they
// were predicted to be, into bins of equal width over [0, 1].
struct Calibration {
  struct Bin {
    std::int64_t num_clips = 0;
    double confidence = 0;                       // mean probability of the predictions; 0: no clip
    double accuracy = 0;                         // share that is right; 0: no clip
    double accuracy_low = 0, accuracy_high = 0;  // Wilson's 95 % interval
  };
  std::vector<Bin> bins;  // bin b: probabilities in [b, b + 1) / bins; the last one includes 1
  // Expected calibration error (Guo et al., "On Calibration of Modern Neural Networks", 2017):
  // mean over the clips of |accuracy - confidence| of their bin.
  double expected_error = 0;
};

// truth [n] class indices, n >= 1; probabilities [n, num_classes] row-major, as compute_metrics()
// takes them (and checks them: this does not). The prediction is the first maximum.
Calibration calibration_of(std::span<const int> truth, std::span<const double> probabilities,
                           int num_classes, int num_bins = 10);

}  // namespace vggroove

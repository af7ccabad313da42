#pragma once

#include <cstddef>
#include <span>
#include <vector>

#include "engine/heads/dense_head.h"
#include "train/feature_set.h"

namespace vggroove {

// The head's probabilities of the named clips, [clips, K]: what compute_metrics() takes.
std::vector<double> predict_clips(const DenseHead& head, const FeatureSet& features,
                                  std::span<const std::size_t> clips);

// The same from logits [n, K] of the clips' rows, which lie one clip after the other between
// clip_starts [clips + 1]; by head.decision.
std::vector<double> clips_of_logits(const DenseHead& head, std::vector<float> logits,
                                    std::span<const std::size_t> clip_starts);

}  // namespace vggroove

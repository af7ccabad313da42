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

}  // namespace vggroove

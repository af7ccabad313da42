#pragma once

#include <cstddef>
#include <span>
#include <vector>

#include "train/feature_set.h"

namespace vggroove {

// Clips with the same features, bit for bit: the same samples (in whatever file), almost surely.
// Sets of two and more, ascending, by their first clip.
std::vector<std::vector<std::size_t>> identical_clips(const FeatureSet& features);

// How many of the sets' clips have another of their set in a different part. part_of_clip [clips].
std::size_t num_clips_apart(std::span<const std::vector<std::size_t>> sets,
                            std::span<const int> part_of_clip);

}  // namespace vggroove

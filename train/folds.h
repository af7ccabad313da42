#pragma once

#include <cstdint>
#include <span>
#include <string>
#include <vector>

namespace vggroove {

// The fold of every clip, 0 .. num_folds-1: stratified (class counts of the folds differ by as
// little as the groups allow), seeded, and no group is split. Clips with an empty group are groups
// of their own. labels [n] class indices; groups [n] or empty.
// Throws Error(kUsage) where a class has fewer clips, or the data fewer groups, than folds.
std::vector<int> stratified_folds(std::span<const int> labels, std::span<const std::string> groups,
                                  int num_folds, std::uint64_t seed);

}  // namespace vggroove

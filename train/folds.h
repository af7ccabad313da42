#pragma once

#include <cstddef>
#include <cstdint>
#include <span>
#include <string>
#include <vector>

namespace vggroove {

// The fold of every clip, 0 .. num_folds-1: stratified (class counts of the folds differ by as
// little as the groups allow; without groups by one at most, and so do the sizes of the folds),
// seeded, and no group is split. Clips with an empty group are groups of their own. labels [n]
// class indices; groups [n] or empty; class_names [K] or empty, for messages only.
// The same seed gives the same folds on every machine and compiler.
// Throws Error(kUsage) where a class has fewer clips, or the data fewer groups, than folds, and
// where the groups put all clips of a class into one fold (it could not be learned and tested).
std::vector<int> stratified_folds(std::span<const int> labels, std::span<const std::string> groups,
                                  int num_folds, std::uint64_t seed,
                                  std::span<const std::string> class_names = {});

// The clips to hold out for validation, ascending: about `fraction` (0 < fraction <= 0.5; exactly
// one of round(1 / fraction) stratified folds) of every class, and no group on both sides. A class
// always keeps clips outside, so the result is empty where there is too little to divide.
std::vector<std::size_t> stratified_holdout(std::span<const int> labels,
                                            std::span<const std::string> groups, double fraction,
                                            std::uint64_t seed);

}  // namespace vggroove

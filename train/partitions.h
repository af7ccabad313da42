#pragma once

#include <cstddef>
#include <cstdint>
#include <filesystem>
#include <span>
#include <string>
#include <vector>

#include "train/feature_set.h"

namespace vggroove {

// What one fold trains on and tests. All clips ascending; none is in two parts.
struct Partition {
  int repetition = 0, fold = 0;  // from 0
  std::vector<std::size_t> train, test;
  std::vector<std::size_t> validation;  // given by the user; empty: whoever trains keeps some aside
};

// Every clip is tested once in each repetition, which divides the data anew: stratified_folds().
// grouped: no group is split. A repetition's division does not depend on how many there are.
// Throws what stratified_folds() throws, and Error(kUsage) without a repetition.
std::vector<Partition> fold_partitions(const FeatureSet& features, int num_folds,
                                       int num_repetitions, bool grouped, std::uint64_t seed);

// The same for the inner folds of `clips`, which choose hyper-parameters. Indices are of features.
std::vector<Partition> fold_partitions_of(const FeatureSet& features,
                                          std::span<const std::size_t> clips, int num_folds,
                                          bool grouped, std::uint64_t seed);

// Lists of clips in text files, one a line (blank lines and lines that begin with # do not count);
// an empty path: no list. A line names the clip whose id ends with the same folders and file name,
// so "blues/blues.00000.wav" is found whatever the data's folder is called, and, where there is no
// such clip, the one whose name has another extension ("blues/blues.00000.au").
struct PartitionLists {
  std::filesystem::path train, validation, test;
};

struct ListedPartition {
  Partition partition;
  std::size_t num_unlisted = 0;  // clips that no list names
  std::size_t num_missing = 0;   // lines that name no clip of the data (a file that failed, ...)
  std::string first_missing;     // of these lines
};
// Throws Error: kUsage (no list to train on or to test; a clip in two lists or twice in one; a line
// that fits two clips; a list of which no line names a clip), kIo.
ListedPartition listed_partition(const FeatureSet& features, const PartitionLists& lists);

// The clips of each group that has two or more, ascending, by their first clip.
std::vector<std::vector<std::size_t>> clips_of_groups(const FeatureSet& features);

// [clips]: the fold that tests each clip; -1 where none does. For the partitions of a repetition.
std::vector<int> fold_of_clips(std::size_t num_clips, std::span<const Partition> partitions,
                               int repetition);

}  // namespace vggroove

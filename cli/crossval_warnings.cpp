#include "cli/crossval_warnings.h"

#include <fmt/format.h>

#include <cstddef>
#include <optional>
#include <utility>

#include "train/identical_clips.h"
#include "train/partitions.h"

namespace vggroove::cli {

namespace {

// The part of each clip: the fold that tests it, or, by lists, 0 where it is learned and 1 where it
// is tested; nothing where neither is the case.
std::vector<std::optional<int>> parts_of_clips(const CrossvalRun& run, std::size_t num_clips) {
  std::vector<std::optional<int>> parts(num_clips);
  for (const Partition& partition : run.partitions) {
    if (partition.repetition > 0) {
      continue;  // whether duplicates and groups are torn apart does not depend on the seed, much
    }
    const bool listed = run.divided_by == "lists";
    for (const std::size_t clip : partition.test) {
      parts[clip] = listed ? 1 : partition.fold;
    }
    for (const auto* learned : {&partition.train, &partition.validation}) {
      for (const std::size_t clip : *learned) {
        parts[clip] = listed ? 0 : parts[clip];
      }
    }
  }
  return parts;
}

std::size_t num_apart(std::vector<std::vector<std::size_t>> sets,
                      const std::vector<std::optional<int>>& parts) {
  std::vector<int> part_of_clip;
  part_of_clip.reserve(parts.size());
  for (const std::optional<int>& part : parts) {
    part_of_clip.push_back(part.value_or(-1));
  }
  for (std::vector<std::size_t>& set : sets) {
    std::erase_if(set, [&](std::size_t clip) { return !parts[clip]; });
  }
  std::erase_if(sets, [](const auto& set) { return set.empty(); });
  return num_clips_apart(sets, part_of_clip);
}

}  // namespace

std::vector<std::string> warnings_of(const FeatureSet& features,
                                     const std::vector<CrossvalRun>& runs) {
  std::vector<std::string> warnings;
  for (const CrossvalRun& run : runs) {
    const std::vector<std::optional<int>> parts = parts_of_clips(run, features.clips.size());
    if (const std::size_t count = num_apart(clips_of_groups(features), parts); count > 0) {
      warnings.push_back(fmt::format(
          "{} put clips of one group on both sides ({} clips); the score will be too good for "
          "groups that were never heard (--folds-by groups or both)",
          run.name(), count));
    }
    if (const std::size_t count = num_apart(identical_clips(features), parts); count > 0) {
      warnings.push_back(
          fmt::format("{} tear duplicates apart: {} clips have a copy in another part, which "
                      "flatters the score (`vggroove check DATA --groups F.csv` joins them)",
                      run.name(), count));
    }
    if (run.reports.size() > 1) {
      warnings.emplace_back(
          "the best of several settings by their scores on the test folds is too good; --select N "
          "chooses without looking at them");
    }
  }
  return warnings;
}

}  // namespace vggroove::cli

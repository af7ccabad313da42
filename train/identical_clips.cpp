#include "train/identical_clips.h"

#include <algorithm>
#include <string_view>
#include <unordered_map>

namespace vggroove {

std::vector<std::vector<std::size_t>> identical_clips(const FeatureSet& features) {
  std::unordered_map<std::string_view, std::vector<std::size_t>> by_bytes;
  for (std::size_t clip = 0; clip < features.clips.size(); ++clip) {
    const std::span<const float> rows = features.rows_of(clip);
    by_bytes[{reinterpret_cast<const char*>(rows.data()), rows.size_bytes()}].push_back(clip);
  }
  std::vector<std::vector<std::size_t>> sets;
  for (const auto& [bytes, clips] : by_bytes) {
    if (clips.size() > 1) {
      sets.push_back(clips);
    }
  }
  std::sort(sets.begin(), sets.end());
  return sets;
}

std::size_t num_clips_apart(std::span<const std::vector<std::size_t>> sets,
                            std::span<const int> part_of_clip) {
  std::size_t count = 0;
  for (const std::vector<std::size_t>& set : sets) {
    const bool apart = std::any_of(set.begin(), set.end(), [&](std::size_t clip) {
      return part_of_clip[clip] != part_of_clip[set.front()];
    });
    count += apart ? set.size() : 0;
  }
  return count;
}

}  // namespace vggroove

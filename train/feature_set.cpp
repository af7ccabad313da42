#include "train/feature_set.h"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>
#include <set>
#include <utility>

#include "base/error.h"

namespace vggroove {

LabelIndex index_labels(std::span<const std::string> names) {
  LabelIndex result;
  result.labels.assign(names.begin(), names.end());
  std::sort(result.labels.begin(), result.labels.end());
  result.labels.erase(std::unique(result.labels.begin(), result.labels.end()), result.labels.end());
  result.index.reserve(names.size());
  for (const std::string& name : names) {
    const auto found = std::lower_bound(result.labels.begin(), result.labels.end(), name);
    result.index.push_back(static_cast<int>(found - result.labels.begin()));
  }
  return result;
}

FeatureSet clips_of_split(const FeatureSet& features, std::string_view split) {
  FeatureSet part;
  part.num_features = features.num_features;
  part.labels = features.labels;
  part.input_form = features.input_form;
  std::set<std::string> splits;
  const auto d = static_cast<std::size_t>(features.num_features);
  for (std::size_t i = 0; i < features.clips.size(); ++i) {
    const FeatureSet::Clip& clip = features.clips[i];
    splits.insert(clip.split.empty() ? "(none)" : clip.split);
    if (clip.split == split) {
      part.clips.push_back(clip);
      part.clips.back().first_row = part.rows.size() / d;
      const std::span<const float> rows = features.rows_of(i);
      part.rows.insert(part.rows.end(), rows.begin(), rows.end());
    }
  }
  if (part.clips.empty()) {
    throw Error(ErrorClass::kUsage, fmt::format("no clip is of the split '{}'; the data have: {}",
                                                split, fmt::join(splits, ", ")));
  }
  return part;
}

}  // namespace vggroove

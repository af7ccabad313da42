#include "train/feature_set_builder.h"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <utility>

#include "base/error.h"

namespace vggroove {

void FeatureSetBuilder::add(const LabelledFile& file, std::span<const float> rows) {
  const auto d = static_cast<std::size_t>(features_.num_features);
  if (rows.empty() || rows.size() % d != 0) {
    throw Error(ErrorClass::kUsage,
                fmt::format("{}: {} values are no rows of {}", file.path.string(), rows.size(), d));
  }
  if (!std::all_of(rows.begin(), rows.end(), [](float value) { return std::isfinite(value); })) {
    throw Error(ErrorClass::kInvalid,
                fmt::format("{}: its features are not finite; the file or the model is broken",
                            file.path.string()));
  }
  features_.clips.push_back({.id = file.path.string(),
                             .label = 0,  // known when all are there: finish()
                             .group = file.group,
                             .split = file.split,
                             .first_row = features_.rows.size() / d,
                             .num_rows = rows.size() / d});
  features_.rows.insert(features_.rows.end(), rows.begin(), rows.end());
  label_of_clip_.push_back(file.label);
}

FeatureSet FeatureSetBuilder::finish() {
  if (features_.clips.empty()) {
    throw Error(ErrorClass::kEmpty, "none of the labelled files could be used");
  }
  LabelIndex labels = index_labels(label_of_clip_);
  features_.labels = std::move(labels.labels);
  for (std::size_t i = 0; i < features_.clips.size(); ++i) {
    features_.clips[i].label = labels.index[i];
  }
  return std::move(features_);
}

}  // namespace vggroove

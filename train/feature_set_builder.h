#pragma once

#include <span>
#include <string>
#include <vector>

#include "train/feature_set.h"
#include "train/manifest.h"

namespace vggroove {

// Makes a FeatureSet of labelled files as their embeddings come.
class FeatureSetBuilder {
 public:
  explicit FeatureSetBuilder(int num_features) { features_.num_features = num_features; }

  // rows [n, num_features], n >= 1. Throws Error(kInvalid) where one is not finite, and then the
  // file is left out.
  void add(const LabelledFile& file, std::span<const float> rows);

  // Labels are those of the files that were added. Throws Error(kEmpty) where none was.
  FeatureSet finish();

 private:
  FeatureSet features_;
  std::vector<std::string> label_of_clip_;
};

}  // namespace vggroove

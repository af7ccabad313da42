#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "train/feature_set.h"
#include "train/random.h"

namespace vggroove::testing {

// Gaussian clouds of unit deviation, one per class, whose centres are `distance` apart along their
// own axes; every clip has `rows_per_clip` rows around a centre of its own.
inline FeatureSet toy_features(int num_classes, int clips_per_class, double distance,
                               std::uint64_t seed = 1, int num_features = 8,
                               std::size_t rows_per_clip = 3) {
  FeatureSet features;
  features.num_features = num_features;
  Random random(seed);
  for (int label = 0; label < num_classes; ++label) {
    features.labels.push_back("class" + std::to_string(label));
  }
  for (int clip = 0; clip < num_classes * clips_per_class; ++clip) {
    FeatureSet::Clip description;
    description.id = "clip " + std::to_string(clip);
    description.label = clip % num_classes;
    description.first_row = features.rows.size() / static_cast<std::size_t>(num_features);
    description.num_rows = rows_per_clip;
    features.clips.push_back(description);
    for (std::size_t row = 0; row < rows_per_clip; ++row) {
      for (int i = 0; i < num_features; ++i) {
        const double centre = i == description.label ? distance : 0;
        features.rows.push_back(static_cast<float>(centre + random.normal()));
      }
    }
  }
  return features;
}

inline std::vector<std::size_t> clips_from_to(std::size_t first, std::size_t last) {
  std::vector<std::size_t> clips;
  for (std::size_t clip = first; clip < last; ++clip) {
    clips.push_back(clip);
  }
  return clips;
}

// Whether two heads have the same bits.
template <class Head>
bool same_bits(const Head& a, const Head& b) {
  return a.mean == b.mean && a.scale == b.scale && a.hidden_weights == b.hidden_weights &&
         a.hidden_biases == b.hidden_biases && a.logits_weights == b.logits_weights &&
         a.logits_biases == b.logits_biases;
}

}  // namespace vggroove::testing

#include "train/predict_clips.h"

namespace vggroove {

std::vector<double> predict_clips(const DenseHead& head, const FeatureSet& features,
                                  std::span<const std::size_t> clips) {
  std::vector<double> probabilities;
  probabilities.reserve(clips.size() * head.labels.size());
  for (const std::size_t clip : clips) {
    const std::vector<float> of_clip =
        head.clip_probabilities(features.rows_of(clip).data(), features.clips[clip].num_rows);
    probabilities.insert(probabilities.end(), of_clip.begin(), of_clip.end());
  }
  return probabilities;
}

}  // namespace vggroove

#include "train/predict_clips.h"

namespace vggroove {

std::vector<double> clips_of_logits(const DenseHead& head, std::vector<float> logits,
                                    std::span<const std::size_t> clip_starts) {
  const std::size_t k = head.labels.size();
  std::vector<double> probabilities;
  probabilities.reserve((clip_starts.size() - 1) * k);
  for (std::size_t clip = 0; clip + 1 < clip_starts.size(); ++clip) {
    const std::vector<float> of_clip = head.clip_of_logits(
        logits.data() + clip_starts[clip] * k, clip_starts[clip + 1] - clip_starts[clip]);
    probabilities.insert(probabilities.end(), of_clip.begin(), of_clip.end());
  }
  return probabilities;
}

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

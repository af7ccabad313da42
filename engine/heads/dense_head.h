#pragma once

#include <cstddef>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "weights/model_file.h"

namespace vggroove {

// How the probabilities of a clip's examples become the clip's.
enum class ClipDecision { kMeanProbability, kVote, kMeanLogit };

std::string_view clip_decision_name(ClipDecision decision);  // "mean", "vote", "logit-mean"

// The classifier on top of the embeddings: standardise -> [dense + ReLU] -> dense -> softmax.
// fp32, small enough that a plain loop over the batch serves every device.
struct DenseHead {
  int num_inputs = 0;                                // D, 128 for VGGish
  int num_hidden = 0;                                // H; 0: no hidden layer (logistic regression)
  std::vector<std::string> labels;                   // K names
  std::vector<float> mean;                           // [D] subtracted
  std::vector<float> scale;                          // [D] multiplied (1 / standard deviation)
  std::vector<float> hidden_weights, hidden_biases;  // [D, H], [H]
  std::vector<float> logits_weights, logits_biases;  // [H or D, K], [K]
  ClipDecision decision = ClipDecision::kMeanProbability;
  // What the inputs are: "float" embeddings, or "quantized" = dequantised AudioSet form (PCA, 8
  // bit; q / 255 * 4 - 2). A model with a "quantized" head post-processes its embeddings first.
  std::string input_form = "float";

  int num_classes() const { return static_cast<int>(labels.size()); }

  // inputs [n, D] -> logits [n, K]
  void logits(const float* inputs, std::size_t n, float* out) const;
  // inputs [n, D] -> probabilities [n, K]
  void probabilities(const float* inputs, std::size_t n, float* out) const;
  // inputs [n, D], n >= 1, of one clip -> the clip's probabilities [K] by `decision`; for a vote
  // the share of the votes, the mean probability being one more voter that decides between equals
  std::vector<float> clip_probabilities(const float* inputs, std::size_t n) const;
  // The same from the logits [n, K] of the clip's examples, which it overwrites.
  std::vector<float> clip_of_logits(float* logits, std::size_t n) const;

  // Throws Error: kUnsupported (the model has no head, or one of a kind that this version does not
  // know), kCorrupt (values that are not finite).
  static DenseHead from_model(const weights::ModelFile& model);
  // The head's tensors under their canonical names, and its part of the metadata.
  std::vector<weights::Tensor> to_tensors() const;
  void describe(weights::ModelMetadata& metadata) const;
};

}  // namespace vggroove

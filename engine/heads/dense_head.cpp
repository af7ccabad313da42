#include "engine/heads/dense_head.h"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <cstring>

#include "base/error.h"
#include "engine/heads/dense_layer.h"
#include "engine/heads/head_layers.h"

namespace vggroove {
namespace {

constexpr std::size_t kBlockRows = 256;  // bounds the scratch memory of a long clip

ClipDecision clip_decision_from(std::string_view name, const std::string& file) {
  for (const ClipDecision decision :
       {ClipDecision::kMeanProbability, ClipDecision::kVote, ClipDecision::kMeanLogit}) {
    if (name == clip_decision_name(decision)) {
      return decision;
    }
  }
  throw Error(ErrorClass::kUnsupported,
              fmt::format("{}: the head decides clips by \"{}\"; known are mean, vote, logit-mean",
                          file, name));
}

std::vector<float> read_finite(const weights::ModelFile& model, std::string_view name) {
  std::vector<float> values = model.read_all(name);
  const auto bad = std::find_if_not(values.begin(), values.end(),
                                    [](float value) { return std::isfinite(value); });
  if (bad != values.end()) {
    throw Error(ErrorClass::kCorrupt,
                fmt::format("{}: tensor {} holds a value that is not finite at element {}; take "
                            "the model from its source again",
                            model.path().string(), name, bad - values.begin()));
  }
  return values;
}

weights::Tensor tensor_of(std::string name, weights::Shape shape, const std::vector<float>& from) {
  weights::Tensor tensor{std::move(name), weights::DType::kF32, std::move(shape), {}};
  tensor.data.resize(from.size() * sizeof(float));
  std::memcpy(tensor.data.data(), from.data(), tensor.data.size());
  return tensor;
}

// One vote per example. The mean probability counts as one more voter: it decides between equal
// counts, cannot overturn a lead, and keeps every class above zero.
void vote(const float* probabilities, std::size_t n, std::vector<double>& clip) {
  const std::size_t k = clip.size();
  for (std::size_t row = 0; row < n; ++row) {
    const float* p = probabilities + row * k;
    clip[static_cast<std::size_t>(std::max_element(p, p + k) - p)] += 1;
  }
  for (double& share : clip) {
    share /= static_cast<double>(n) + 1;
  }
}

}  // namespace

std::string_view clip_decision_name(ClipDecision decision) {
  switch (decision) {
    case ClipDecision::kMeanProbability:
      return "mean";
    case ClipDecision::kVote:
      return "vote";
    case ClipDecision::kMeanLogit:
      return "logit-mean";
  }
  return "";
}

void DenseHead::logits(const float* inputs, std::size_t n, float* out) const {
  const HeadShape shape{static_cast<std::size_t>(num_inputs), static_cast<std::size_t>(num_hidden),
                        labels.size()};
  const HeadParameters<const float> parameters{hidden_weights.data(), hidden_biases.data(),
                                               logits_weights.data(), logits_biases.data()};
  std::vector<float> standardised(std::min(n, kBlockRows) * shape.inputs);
  std::vector<float> hidden(std::min(n, kBlockRows) * shape.hidden);
  for (std::size_t first = 0; first < n; first += kBlockRows) {
    const std::size_t rows = std::min(kBlockRows, n - first);
    const float* block = inputs + first * shape.inputs;
    for (std::size_t row = 0; row < rows; ++row) {
      for (std::size_t i = 0; i < shape.inputs; ++i) {
        const std::size_t at = row * shape.inputs + i;
        standardised[at] = (block[at] - mean[i]) * scale[i];
      }
    }
    head_logits<float>(out + first * shape.classes, hidden.data(), standardised.data(), nullptr,
                       parameters, shape, rows);
  }
}

void DenseHead::probabilities(const float* inputs, std::size_t n, float* out) const {
  logits(inputs, n, out);
  softmax(out, n, labels.size());
}

std::vector<float> DenseHead::clip_probabilities(const float* inputs, std::size_t n) const {
  std::vector<float> examples(n * labels.size());
  logits(inputs, n, examples.data());
  return clip_of_logits(examples.data(), n);
}

std::vector<float> DenseHead::clip_of_logits(float* examples, std::size_t n) const {
  const std::size_t k = labels.size();
  if (decision != ClipDecision::kMeanLogit) {
    softmax(examples, n, k);
  }
  std::vector<double> clip(k);
  for (std::size_t i = 0; i < n * k; ++i) {
    clip[i % k] += static_cast<double>(examples[i]) / static_cast<double>(n);
  }
  if (decision == ClipDecision::kMeanLogit) {
    softmax(clip.data(), 1, k);
  } else if (decision == ClipDecision::kVote) {
    vote(examples, n, clip);
  }
  return {clip.begin(), clip.end()};
}

DenseHead DenseHead::from_model(const weights::ModelFile& model) {
  const weights::ModelMetadata& metadata = model.metadata();
  const std::string file = model.path().string();
  if (!model.has_head()) {
    throw Error(ErrorClass::kUnsupported,
                fmt::format("{}: holds no classifier, only the network; train one with "
                            "`vggroove train DATA --base {} --out MODEL`",
                            file, file));
  }
  DenseHead head;  // ModelFile has checked that the shapes fit each other and the labels
  head.labels = metadata.labels;
  head.mean = read_finite(model, "head/mean");
  head.scale = read_finite(model, "head/scale");
  if (model.has("head/hidden/weights")) {
    head.hidden_weights = read_finite(model, "head/hidden/weights");
    head.hidden_biases = read_finite(model, "head/hidden/biases");
  }
  head.logits_weights = read_finite(model, "head/logits/weights");
  head.logits_biases = read_finite(model, "head/logits/biases");
  head.num_inputs = static_cast<int>(head.mean.size());
  head.num_hidden = static_cast<int>(head.hidden_biases.size());
  if (metadata.head.is_object()) {
    const auto text = [&](const char* key, std::string_view otherwise) {
      const auto found = metadata.head.find(key);
      return found != metadata.head.end() && found->is_string() ? found->get<std::string>()
                                                                : std::string(otherwise);
    };
    head.decision = clip_decision_from(text("clip_decision", "mean"), file);
    head.input_form = text("input_form", "float");
  }
  if (head.input_form != "float" && head.input_form != "quantized") {
    throw Error(ErrorClass::kUnsupported,
                fmt::format("{}: the head takes embeddings in the form \"{}\"; known are float and "
                            "quantized",
                            file, head.input_form));
  }
  return head;
}

std::vector<weights::Tensor> DenseHead::to_tensors() const {
  const std::int64_t d = num_inputs, h = num_hidden, k = num_classes();
  std::vector<weights::Tensor> tensors;
  tensors.push_back(tensor_of("head/mean", {d}, mean));
  tensors.push_back(tensor_of("head/scale", {d}, scale));
  if (h > 0) {
    tensors.push_back(tensor_of("head/hidden/weights", {d, h}, hidden_weights));
    tensors.push_back(tensor_of("head/hidden/biases", {h}, hidden_biases));
  }
  tensors.push_back(tensor_of("head/logits/weights", {h > 0 ? h : d, k}, logits_weights));
  tensors.push_back(tensor_of("head/logits/biases", {k}, logits_biases));
  return tensors;
}

void DenseHead::describe(weights::ModelMetadata& metadata) const {
  metadata.labels = labels;
  metadata.head = {{"inputs", num_inputs},
                   {"hidden_units", num_hidden},
                   {"clip_decision", clip_decision_name(decision)},
                   {"input_form", input_form}};
}

}  // namespace vggroove

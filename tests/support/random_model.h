#pragma once

#include <cmath>
#include <cstdint>
#include <cstring>
#include <filesystem>
#include <span>
#include <string>
#include <vector>

#include "engine/heads/dense_head.h"
#include "weights/model_file.h"

namespace vggroove::testing {

// Uniform values of a 64-bit LCG (Knuth's constants): 72 million of them take 0.1 s, which the
// distributions of <random> do not.
class UniformValues {
 public:
  explicit UniformValues(std::uint64_t seed) : state_(seed) {}
  float next(float bound) {  // in [-bound, bound)
    state_ = state_ * 6364136223846793005u + 1442695040888963407u;
    return bound * (static_cast<float>(state_ >> 40) * 0x1p-23f - 1);
  }

 private:
  std::uint64_t state_;
};

inline weights::Tensor float_tensor(const std::string& name, const weights::Shape& shape,
                                    std::span<const float> values) {
  weights::Tensor tensor{name, weights::DType::kF32, shape, {}};
  const auto bytes = std::as_bytes(values);
  tensor.data.assign(bytes.begin(), bytes.end());
  return tensor;
}

// The network's 18 tensors (289 MB) with He's initialisation, so that signals neither die nor grow.
inline std::vector<weights::Tensor> random_network(std::uint64_t seed) {
  UniformValues random(seed);
  std::vector<weights::Tensor> tensors;
  for (const weights::TensorSpec& spec : weights::vggish_tensors()) {
    std::vector<float> values(static_cast<std::size_t>(weights::num_elements(spec.shape)));
    if (spec.shape.size() > 1) {
      const auto fan_in = static_cast<float>(weights::num_elements(spec.shape) / spec.shape.back());
      for (float& value : values) {
        value = random.next(std::sqrt(6 / fan_in));
      }
    }
    tensors.push_back(float_tensor(std::string(spec.name), spec.shape, values));
  }
  return tensors;
}

// A head without a hidden layer over 128 inputs.
inline DenseHead random_head(const std::vector<std::string>& labels, std::uint64_t seed) {
  UniformValues random(seed);
  DenseHead head;
  head.num_inputs = 128;
  head.labels = labels;
  head.mean.assign(128, 0);
  head.scale.assign(128, 1);
  head.logits_weights.resize(128 * labels.size());
  for (float& value : head.logits_weights) {
    value = random.next(0.1f);
  }
  head.logits_biases.assign(labels.size(), 0);
  return head;
}

}  // namespace vggroove::testing

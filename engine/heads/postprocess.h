#pragma once

#include <cstddef>
#include <cstdint>
#include <vector>

#include "weights/model_file.h"

namespace vggroove {

// The AudioSet form of embeddings: y = E (x - mean), clip to [-2, 2], (y + 2) * 255 / 4, truncated
// to uint8 (vggish_postprocess.py; ports that round differ from the released features).
class Postprocessor {
 public:
  // Throws Error(kUnsupported) where the model has no PCA parameters.
  static Postprocessor from_model(const weights::ModelFile& model);
  // embeddings [n, 128] -> quantized [n, 128]. Throws Error(kInvalid) where one is not finite.
  void quantize(const float* embeddings, std::size_t n, std::uint8_t* quantized) const;

 private:
  std::vector<float> eigen_vectors_;  // [128, 128]
  std::vector<float> means_;          // [128]
};

// quantized / 255 * 4 - 2, in double, rounded once
void dequantize(const std::uint8_t* quantized, std::size_t count, float* values);

}  // namespace vggroove

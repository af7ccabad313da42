#include "kernels/dsp/postprocess.h"

#include <algorithm>
#include <cmath>
#include <limits>

namespace vggroove {

void postprocess_ref(double* components, const float* embeddings, const float* eigen_vectors,
                     const float* means, std::int64_t num_embeddings) {
  for (std::int64_t i = 0; i < num_embeddings; ++i) {
    for (int component = 0; component < kEmbeddingSize; ++component) {
      double sum = 0;
      for (int j = 0; j < kEmbeddingSize; ++j) {
        const double centred = static_cast<double>(embeddings[i * kEmbeddingSize + j]) - means[j];
        sum += static_cast<double>(eigen_vectors[j * kEmbeddingSize + component]) * centred;
      }
      components[i * kEmbeddingSize + component] = std::isfinite(sum)
                                                       ? (std::clamp(sum, -2.0, 2.0) + 2) * 255 / 4
                                                       : std::numeric_limits<double>::quiet_NaN();
    }
  }
}

}  // namespace vggroove

#pragma once

#include <cstdint>

#include "kernels/common/stream.h"

namespace vggroove {

inline constexpr int kEmbeddingSize = 128;

// The AudioSet form of embeddings: y = E (x - mean), clip to [-2, 2], (y + 2) * 255 / 4, truncated
// to uint8 (vggish_postprocess.py; rounding would be wrong).
//   quantized      [num_embeddings, 128]
//   num_broken     [1] += components that are not finite before clipping; their bytes are 0
//   embeddings     [num_embeddings, 128]
//   eigen_vectors  [128 inputs, 128 components]: the transpose of pca_eigen_vectors, so that
//                  neighbouring threads read neighbouring values
//   means          [128]
// Sums in double precision and what follows in fp32, as the CPU does it: truncation turns the last
// bit of a sum into a step of a byte.
// Traffic: 512 bytes read and 128 written an embedding; 64 kB of eigen vectors for every 16
void postprocess(Stream stream, std::uint8_t* quantized, std::int32_t* num_broken,
                 const float* embeddings, const float* eigen_vectors, const float* means,
                 std::int64_t num_embeddings);

// Reference: double precision to the end. components [num_embeddings, 128] are the values before
// truncation, NaN where not finite before clipping.
void postprocess_ref(double* components, const float* embeddings, const float* eigen_vectors,
                     const float* means, std::int64_t num_embeddings);

}  // namespace vggroove

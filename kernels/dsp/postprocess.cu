// Embeddings -> PCA -> 8 bits.
#include "kernels/dsp/postprocess.h"

#include "kernels/simt/simt.h"

namespace vggroove {
namespace {

constexpr int kTileEmbeddings = 16;
constexpr float kLargest = 2.0F;                       // of a component, after clipping
constexpr float kStepsPerUnit = 255 / (2 * kLargest);  // 63.75, exact in fp32

// What it does: quantized = uint8((clip(E (x - mean)) + 2) * 63.75), see the header.
// Owns:    block = 16 embeddings; thread = one component of all of them, so that an eigen vector's
//          value is read once for 16 products
// Traffic: read 512 bytes an embedding and 64 kB of eigen vectors a block, written 128 an embedding
// Needs:   block of 128 threads
// Bound:   FP64 pipe: 16 k products an embedding, predicted 256 clocks of a multiprocessor on sm_90
__global__ void __launch_bounds__(kEmbeddingSize)
    postprocess_kernel(std::uint8_t* __restrict__ quantized, std::int32_t* num_broken,
                       const float* __restrict__ embeddings,
                       const float* __restrict__ eigen_vectors, const float* __restrict__ means,
                       std::int64_t num_embeddings) {
  __shared__ double centred[kTileEmbeddings][kEmbeddingSize];
  const int component = static_cast<int>(threadIdx.x);
  const std::int64_t first = static_cast<std::int64_t>(blockIdx.x) * kTileEmbeddings;
  const auto count =
      static_cast<int>(min(static_cast<std::int64_t>(kTileEmbeddings), num_embeddings - first));
  const double mean = means[component];
  for (int i = 0; i < kTileEmbeddings; ++i) {
    centred[i][component] =
        i < count ? embeddings[(first + i) * kEmbeddingSize + component] - mean : 0.0;
  }
  __syncthreads();
  double sums[kTileEmbeddings] = {};
#pragma unroll 4
  for (int j = 0; j < kEmbeddingSize; ++j) {
    const double weight = eigen_vectors[j * kEmbeddingSize + component];
#pragma unroll
    for (int i = 0; i < kTileEmbeddings; ++i) {
      sums[i] += weight * centred[i][j];
    }
  }
  int broken = 0;
#pragma unroll
  for (int i = 0; i < kTileEmbeddings; ++i) {
    if (i < count) {
      const bool is_finite = isfinite(sums[i]);
      broken += is_finite ? 0 : 1;
      const float clipped = fminf(fmaxf(static_cast<float>(sums[i]), -kLargest), kLargest);
      quantized[(first + i) * kEmbeddingSize + component] =
          is_finite ? static_cast<std::uint8_t>((clipped + kLargest) * kStepsPerUnit)
                    : std::uint8_t{0};
    }
  }
  if (broken > 0) {
    atomicAdd(num_broken, broken);
  }
}

}  // namespace

void postprocess(Stream stream, std::uint8_t* quantized, std::int32_t* num_broken,
                 const float* embeddings, const float* eigen_vectors, const float* means,
                 std::int64_t num_embeddings) {
  if (num_embeddings == 0) {
    return;
  }
  const auto blocks =
      static_cast<unsigned>((num_embeddings + kTileEmbeddings - 1) / kTileEmbeddings);
  simt::launch(postprocess_kernel, blocks, kEmbeddingSize, 0, stream, quantized, num_broken,
               embeddings, eigen_vectors, means, num_embeddings);
}

}  // namespace vggroove

#include "kernels/dsp/postprocess.h"

#include <algorithm>
#include <cmath>

#include "bench/support/workload.h"

namespace vggroove::bench {
namespace {

constexpr std::int64_t kMatrix = kEmbeddingSize * kEmbeddingSize;

Prepared prepare(std::int64_t n) {
  const auto values = random_values<float>(n * kEmbeddingSize, 1);
  const auto vectors = random_values<float>(kMatrix, 2);
  const auto centre = random_values<float>(kEmbeddingSize, 3);
  const KernelArray<float> embeddings(values), eigen_vectors(vectors), means(centre);
  const KernelArray<std::uint8_t> quantized(n * kEmbeddingSize);
  const KernelArray<std::int32_t> num_broken(std::vector<std::int32_t>{0});
  return {[=](Stream stream) {
            postprocess(stream, quantized.data(), num_broken.data(), embeddings.data(),
                        eigen_vectors.data(), means.data(), n);
          },
          [=] {
            std::vector<double> expected(n * kEmbeddingSize);
            postprocess_ref(expected.data(), values.data(), vectors.data(), centre.data(), n);
            const auto bytes = quantized.to_host_sync();
            std::vector<double> steps(bytes.begin(), bytes.end());
            for (double& step : steps) {
              step += 0.5;  // a step stands for the values up to the next one
            }
            // Near a step's edge, one rounding of fp32 may fall to either side.
            return largest_error(steps, expected, [](double) { return 0.5 + 255 * 0x1p-22; });
          },
          {.read_bytes = embeddings.bytes_moved(),
           .written_bytes = quantized.bytes_moved(),
           .fp64_operations = 2.0 * kMatrix * static_cast<double>(n)}};
}

const Registration kCell({"dsp/postprocess",
                          {{"PCA and 8 bits", "embeddings", 1 << 17, 64, 0.7, prepare}}});

}  // namespace
}  // namespace vggroove::bench

#include "kernels/nn/dropout.h"

#include <cmath>

#include "bench/support/workload.h"

namespace vggroove::bench {
namespace {

constexpr DropoutParams kParams{.drop_probability = 0.5};
constexpr DropoutBatch kBatch{.seed = 3};
constexpr std::int64_t kVerified = 4096;

template <class T>
Prepared prepare(std::int64_t count) {
  const auto input = random_values<T>(count, 1);
  const KernelArray<T> x(input), y(count);
  const KernelArray<DropoutBatch> batch(std::vector{kBatch});
  return {[=](Stream stream) { dropout(stream, y.data(), x.data(), batch.data(), count, kParams); },
          [=] {
            std::vector<double> expected(kVerified);
            dropout_multipliers_ref(expected.data(), kBatch, kVerified, kParams);
            const auto values = in_double(input);
            for (std::int64_t i = 0; i < kVerified; ++i) {
              expected[i] *= values[i];
            }
            return largest_error(in_double(y.to_host_sync()), expected, [](double value) {
              return 2 * kRounding<T> * std::abs(value) + 1e-300;
            });
          },
          {.read_bytes = x.bytes_moved(), .written_bytes = y.bytes_moved()}};
}

const Registration kCell({"nn/dropout",
                          {{"fp32", "elements", 1 << 25, 1 << 14, 0.9, prepare<float>},
                           {"bf16", "elements", 1 << 25, 1 << 14, 0.9, prepare<BFloat16>}}});

}  // namespace
}  // namespace vggroove::bench

#include "kernels/nn/top_k.h"

#include "bench/support/workload.h"

namespace vggroove::bench {
namespace {

constexpr int kWidth = 527, kLargest = 5;  // AudioSet's classes

Prepared prepare(std::int64_t num_rows) {
  const auto input = random_values<float>(num_rows * kWidth, 1);
  const KernelArray<float> rows(input), values(num_rows * kLargest);
  const KernelArray<std::int32_t> indices(num_rows * kLargest);
  return {[=](Stream stream) {
            top_k(stream, values.data(), indices.data(), rows.data(), num_rows, kWidth, kLargest);
          },
          [=] {
            std::vector<float> expected(num_rows * kLargest);
            std::vector<std::int32_t> expected_indices(num_rows * kLargest);
            top_k_ref(expected.data(), expected_indices.data(), input.data(), num_rows, kWidth,
                      kLargest);
            return largest_error(in_double(values.to_host_sync()), in_double(expected),
                                 [](double) { return 1e-300; });
          },
          {.read_bytes = rows.bytes_moved(),
           .written_bytes = values.bytes_moved() + indices.bytes_moved()}};
}

const Registration kCell({"nn/top_k", {{"5 of 527 classes", "rows", 1 << 16, 64, 0.5, prepare}}});

}  // namespace
}  // namespace vggroove::bench

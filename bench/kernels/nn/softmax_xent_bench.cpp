#include "kernels/nn/softmax_xent.h"

#include "bench/support/workload.h"

namespace vggroove::bench {
namespace {

Prepared prepare(std::int64_t rows, int classes) {
  const SoftmaxXentShape shape{rows, classes};
  const auto input = random_values<float>(rows * classes, 1);
  std::vector<float> smoothed(rows * classes, 0.1F / static_cast<float>(classes));
  for (std::int64_t row = 0; row < rows; ++row) {
    smoothed[row * classes + row * 7 % classes] += 0.9F;
  }
  const KernelArray<float> logits(input), targets(smoothed), losses(rows), grad(rows * classes);
  return {[=](Stream stream) {
            softmax_xent(stream, losses.data(), grad.data(), logits.data(), targets.data(), shape);
          },
          [=] {
            std::vector<double> expected(rows), expected_grad(rows * classes);
            softmax_xent_ref(expected.data(), expected_grad.data(), in_double(input).data(),
                             in_double(smoothed).data(), shape);
            // Losses are below 2 + ln(classes) < 9; a few roundings a class at the worst.
            const double tolerance = 9 * (classes + 24) * 0x1p-24;
            return largest_error(in_double(losses.to_host_sync()), expected,
                                 [=](double) { return tolerance; });
          },
          {.read_bytes = logits.bytes_moved() + targets.bytes_moved(),
           .written_bytes = grad.bytes_moved() + losses.bytes_moved()}};
}

const Registration kCell({"nn/softmax_xent",
                          {{"10 classes", "rows", 1 << 20, 64, 0.9,
                            [](std::int64_t rows) { return prepare(rows, 10); }},
                           {"527 classes", "rows", 1 << 15, 64, 0.9,
                            [](std::int64_t rows) { return prepare(rows, 527); }}}});

}  // namespace
}  // namespace vggroove::bench

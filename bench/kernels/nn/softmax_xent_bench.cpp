#include "kernels/nn/softmax_xent.h"

#include "bench/support/workload.h"

namespace vggroove::bench {
namespace {

Prepared prepare(std::int64_t rows, int classes) {
  const SoftmaxXentShape shape{rows, classes};
  const auto input = random_values<float>(rows * classes, 1);
  std::vector<std::int32_t> targets(rows);
  for (std::int64_t row = 0; row < rows; ++row) {
    targets[row] = static_cast<std::int32_t>(row * 7 % classes);
  }
  const KernelArray<float> logits(input), loss(1), weight_sum(1), row_loss(rows),
      grad(rows * classes);
  const KernelArray<std::int32_t> labels(targets);
  return {[=](Stream stream) {
            softmax_xent(stream, loss.data(), row_loss.data(), grad.data(), weight_sum.data(),
                         logits.data(), labels.data(), nullptr, 0.1F, shape);
          },
          [=] {
            std::vector<double> expected(rows), expected_grad(rows * classes);
            softmax_xent_ref(expected.data(), expected_grad.data(), in_double(input).data(),
                             targets.data(), nullptr, static_cast<double>(0.1F), shape);
            // Row losses are below 2 + ln(classes) < 9; a few roundings a class at the worst.
            const double tolerance = 9 * (classes + 24) * 0x1p-24;
            return largest_error(in_double(row_loss.to_host_sync()), expected,
                                 [=](double) { return tolerance; });
          },
          {.read_bytes = logits.bytes_moved() + labels.bytes_moved(),
           .written_bytes = grad.bytes_moved() + row_loss.bytes_moved()}};
}

const Registration kCell({"nn/softmax_xent",
                          {{"10 classes", "rows", 1 << 20, 64, 0.9,
                            [](std::int64_t rows) { return prepare(rows, 10); }},
                           {"527 classes", "rows", 1 << 15, 64, 0.9,
                            [](std::int64_t rows) { return prepare(rows, 527); }}}});

}  // namespace
}  // namespace vggroove::bench

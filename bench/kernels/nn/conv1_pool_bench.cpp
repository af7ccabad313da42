#include "kernels/nn/conv1_pool.h"

#include <cmath>

#include "bench/support/workload.h"
#include "kernels/nn/pool_codes.h"

namespace vggroove::bench {
namespace {

using Shape = Conv1PoolShape;
constexpr std::int64_t kWeights = Shape::kTaps * Shape::kChannels;
// For each pooled element the four convolutions of its window, or their gradients.
constexpr double kOperations = 2.0 * 4 * Shape::kTaps * Shape::kPooledSize;

struct Inputs {
  explicit Inputs(std::int64_t n)
      : x(random_values<float>(n * Shape::kInputSize, 1)),
        weight(random_values<float>(kWeights, 2)),
        bias(random_values<float>(Shape::kChannels, 3)) {}
  std::vector<float> x, weight, bias;

  // Fills the reference's outputs for n examples.
  void pool(std::vector<double>& y, std::vector<std::uint8_t>& codes, std::int64_t n) const {
    y.resize(n * Shape::kPooledSize);
    codes.resize(pool_code_bytes(n * Shape::kPooledSize));
    conv1_pool_ref(y.data(), codes.data(), in_double(x).data(), in_double(weight).data(),
                   in_double(bias).data(), n);
  }
};

template <class T>
Prepared forward(std::int64_t n, bool keep_codes) {
  const Inputs in(n);
  const KernelArray<float> x(in.x), weight(in.weight), bias(in.bias);
  const KernelArray<T> y(n * Shape::kPooledSize);
  const KernelArray<std::uint8_t> codes(pool_code_bytes(y.size()));
  return {[=](Stream stream) {
            conv1_pool(stream, y.data(), keep_codes ? codes.data() : nullptr, x.data(),
                       weight.data(), bias.data(), n);
          },
          [=] {
            std::vector<double> expected;
            std::vector<std::uint8_t> expected_codes;
            in.pool(expected, expected_codes, 1);
            // 18 roundings of sums below 10, and that of the result.
            return largest_error(in_double(y.to_host_sync()), expected, [](double value) {
              return 18 * 10 * 0x1p-24 + kRounding<T> * std::abs(value);
            });
          },
          {.read_bytes = x.bytes_moved(),
           .written_bytes = y.bytes_moved() + (keep_codes ? codes.bytes_moved() : 0),
           .fp32_operations = kOperations * static_cast<double>(n)}};
}

Prepared backward(std::int64_t n) {
  const Inputs in(n);
  std::vector<double> y;
  std::vector<std::uint8_t> all_codes;
  in.pool(y, all_codes, n);
  const auto gradient = random_values<BFloat16>(n * Shape::kPooledSize, 4);
  const KernelArray<float> x(in.x), grad_weight(kWeights), grad_bias(Shape::kChannels),
      workspace(conv1_pool_bwd_workspace_floats(n));
  const KernelArray<BFloat16> grad_y(gradient);
  const KernelArray<std::uint8_t> codes(all_codes);
  return {[=](Stream stream) {
            conv1_pool_bwd(stream, grad_weight.data(), grad_bias.data(), grad_y.data(),
                           codes.data(), x.data(), workspace.data(), n);
          },
          [=] {
            std::vector<double> expected(kWeights), expected_bias(Shape::kChannels);
            conv1_pool_bwd_ref(expected.data(), expected_bias.data(), in_double(gradient).data(),
                               all_codes.data(), in_double(in.x).data(), n);
            // 37 roundings of a sum of 1536 terms an example, each below 1.
            const double tolerance = 37 * 0x1p-24 * 1536 * static_cast<double>(n);
            return largest_error(in_double(grad_weight.to_host_sync()), expected,
                                 [=](double) { return tolerance; });
          },
          {.read_bytes = grad_y.bytes_moved() + codes.bytes_moved() + x.bytes_moved(),
           .fp32_operations = kOperations * static_cast<double>(n)}};
}

const Registration kCell({"nn/conv1_pool",
                          {{"conv1, fp32", "examples", 256, 1, 0.9,
                            [](std::int64_t n) { return forward<float>(n, false); }},
                           {"conv1, bf16", "examples", 256, 1, 0.7,
                            [](std::int64_t n) { return forward<BFloat16>(n, false); }},
                           {"conv1 with codes, bf16", "examples", 256, 1, 0.7,
                            [](std::int64_t n) { return forward<BFloat16>(n, true); }},
                           {"conv1 backward, bf16", "examples", 256, 1, 0.7, backward}}});

}  // namespace
}  // namespace vggroove::bench

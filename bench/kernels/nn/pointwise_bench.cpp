#include "kernels/nn/pointwise.h"

#include "bench/support/workload.h"

namespace vggroove::bench {
namespace {

constexpr std::int64_t kVerified = 4096;

Prepared prepare_relu_bwd(std::int64_t count) {
  const auto gradient = random_values<float>(count, 1),
             activations = random_values<float>(count, 2);
  const KernelArray<float> grad(gradient), x(activations);
  return {
      [=](Stream stream) { relu_bwd(stream, grad.data(), x.data(), count); },
      [=] {
        std::vector<double> expected = in_double(gradient);
        expected.resize(kVerified);
        relu_bwd_ref(expected.data(), in_double(activations).data(), kVerified);
        return largest_error(in_double(grad.to_host_sync()), expected,
                             [](double) { return 1e-300; });  // nothing is rounded
      },
      {.read_bytes = grad.bytes_moved() + x.bytes_moved(), .written_bytes = grad.bytes_moved()}};
}

const Registration kCell(
    {"nn/pointwise", {{"ReLU backward", "elements", 1 << 25, 1 << 14, 0.9, prepare_relu_bwd}}});

}  // namespace
}  // namespace vggroove::bench

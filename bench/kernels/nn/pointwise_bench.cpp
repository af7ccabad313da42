#include "kernels/nn/pointwise.h"

#include "bench/support/workload.h"

namespace vggroove::bench {
namespace {

constexpr std::int64_t kVerified = 4096;

template <class T>
Prepared prepare_relu_bwd(std::int64_t count) {
  const auto gradient = random_values<T>(count, 1), activations = random_values<T>(count, 2);
  const KernelArray<T> grad(gradient), x(activations);
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

// Each launch adds once more: the sum is put back before one is verified.
template <class T>
Prepared prepare_accumulate(std::int64_t count) {
  const auto start = random_values<float>(count, 1);
  const auto gradient = random_values<T>(count, 2);
  const KernelArray<float> sum(start);
  const KernelArray<T> values(gradient);
  const auto launch = [=](Stream stream) { accumulate(stream, sum.data(), values.data(), count); };
  return {
      launch,
      [=] {
        sum.assign_sync(start);
        launch(nullptr);
        std::vector<double> expected = in_double(start);
        expected.resize(kVerified);
        accumulate_ref(expected.data(), in_double(gradient).data(), kVerified);
        // One rounding of a sum below 2.
        return largest_error(in_double(sum.to_host_sync()), expected,
                             [](double) { return 0x1p-24; });
      },
      {.read_bytes = sum.bytes_moved() + values.bytes_moved(), .written_bytes = sum.bytes_moved()}};
}

const Registration kCell(
    {"nn/pointwise",
     {{"ReLU backward, fp32", "elements", 1 << 25, 1 << 14, 0.9, prepare_relu_bwd<float>},
      {"ReLU backward, bf16", "elements", 1 << 25, 1 << 14, 0.9, prepare_relu_bwd<BFloat16>},
      {"adding fp32 gradients", "elements", 1 << 25, 1 << 14, 0.9, prepare_accumulate<float>},
      {"adding bf16 gradients", "elements", 1 << 25, 1 << 14, 0.9, prepare_accumulate<BFloat16>}}});

}  // namespace
}  // namespace vggroove::bench

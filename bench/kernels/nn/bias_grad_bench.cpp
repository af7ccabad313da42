#include "kernels/nn/bias_grad.h"

#include "bench/support/workload.h"

namespace vggroove::bench {
namespace {

// Every one of the additions rounds a sum below the number of rows, at the worst.
double sum_tolerance(std::int64_t rows) {
  return 64 * 0x1p-24 * static_cast<double>(rows);
}

template <class T>
Prepared behind_relu(std::int64_t rows, int channels) {
  const auto gradient = random_values<T>(rows * channels, 1);
  const auto output = random_values<T>(rows * channels, 2);
  const KernelArray<T> grad_y(gradient), y(output), grad_x(rows * channels);
  const KernelArray<float> grad_bias(channels),
      workspace(bias_grad_workspace_floats(rows, channels));
  return {[=](Stream stream) {
            relu_bias_bwd(stream, grad_x.data(), grad_bias.data(), grad_y.data(), y.data(),
                          workspace.data(), rows, channels);
          },
          [=] {
            std::vector<double> expected(channels), expected_x(rows * channels);
            relu_bias_bwd_ref(expected_x.data(), expected.data(), in_double(gradient).data(),
                              in_double(output).data(), rows, channels);
            return largest_error(in_double(grad_bias.to_host_sync()), expected,
                                 [=](double) { return sum_tolerance(rows); });
          },
          {.read_bytes = grad_y.bytes_moved() + y.bytes_moved(),
           .written_bytes = grad_x.bytes_moved()}};
}

// The bias alone, of 256 channels: where a pool, or the layer above, has closed the ReLU.
template <class T>
Prepared plain(std::int64_t rows) {
  constexpr int kChannels = 256;
  const auto gradient = random_values<T>(rows * kChannels, 1);
  const KernelArray<T> grad(gradient);
  const KernelArray<float> grad_bias(kChannels),
      workspace(bias_grad_workspace_floats(rows, kChannels));
  return {[=](Stream stream) {
            bias_grad(stream, grad_bias.data(), grad.data(), workspace.data(), rows, kChannels);
          },
          [=] {
            std::vector<double> expected(kChannels);
            bias_grad_ref(expected.data(), in_double(gradient).data(), rows, kChannels);
            return largest_error(in_double(grad_bias.to_host_sync()), expected,
                                 [=](double) { return sum_tolerance(rows); });
          },
          {.read_bytes = grad.bytes_moved()}};
}

// The layers whose ReLU no pool takes care of: conv3_1, conv4_1 and the two dense ones.
Workload layer(const char* name, std::int64_t rows_of_example, int channels) {
  return {
      name, "examples",
      256,  8,
      0.9,  [=](std::int64_t n) {
            return behind_relu<BFloat16>(n * rows_of_example, channels); }};
}

const Registration kCell({"nn/bias_grad",
                          {{"bias, bf16", "rows of 256", 1 << 17, 1 << 10, 0.9, plain<BFloat16>},
                           layer("ReLU and bias of conv3_1, bf16", 24 * 16, 256),
                           layer("ReLU and bias of conv4_1, bf16", 12 * 8, 512),
                           layer("ReLU and bias of fc1, bf16", 1, 4096)}});

}  // namespace
}  // namespace vggroove::bench

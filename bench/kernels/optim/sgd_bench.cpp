#include "kernels/optim/sgd.h"

#include <algorithm>

#include "bench/support/workload.h"

namespace vggroove::bench {
namespace {

constexpr std::int64_t kVerified = 4096;
constexpr float kRate = 0x1p-10F, kMomentum = 0.875F, kDecay = 0.015625F;

// A first step from a momentum of 0, verified as adamw_bench.cpp does.
Prepared prepare(std::int64_t count) {
  const auto start = random_values<float>(count, 1);
  const auto gradient = random_values<BFloat16>(count, 2);
  const std::vector<float> zeros(count);
  const KernelArray<float> parameter(start), momentum(zeros), rate(std::vector{kRate});
  const KernelArray<BFloat16> grad(gradient), rounded(count);
  const auto launch = [=](Stream stream) {
    const SgdTensor tensor{.parameter = parameter.data(),
                           .momentum_buffer = momentum.data(),
                           .grad_bf16 = grad.data(),
                           .parameter_bf16 = rounded.data(),
                           .count = count,
                           .weight_decay = kDecay};
    sgd(stream, {&tensor, 1}, rate.data(), nullptr, kMomentum);
  };
  return {launch,
          [=] {
            parameter.assign_sync(start);
            momentum.assign_sync(zeros);
            launch(nullptr);
            const std::int64_t verified = std::min(count, kVerified);
            std::vector<double> expected = in_double(start), grads = in_double(gradient);
            std::vector<double> buffer(count);
            sgd_ref({expected.data(), buffer.data(), grads.data(), verified, kDecay}, kRate, 1,
                    kMomentum);
            expected.resize(verified);
            return largest_error(in_double(parameter.to_host_sync()), expected,
                                 [](double) { return (4 + 6 * 2 * kRate) * 0x1p-24; });
          },
          {.read_bytes = 2 * parameter.bytes_moved() + grad.bytes_moved(),
           .written_bytes = 2 * parameter.bytes_moved() + rounded.bytes_moved()}};
}

const Registration kCell(
    {"optim/sgd", {{"bf16 gradients and copies", "parameters", 1 << 25, 1 << 15, 0.9, prepare}}});

}  // namespace
}  // namespace vggroove::bench

#include "kernels/optim/global_norm.h"

#include <cmath>

#include "bench/support/workload.h"

namespace vggroove::bench {
namespace {

Prepared prepare(std::int64_t count) {
  const auto gradient = random_values<BFloat16>(count, 1);
  const KernelArray<BFloat16> grad(gradient);
  const auto tensor_of = [=] { return GradTensor{.grad_bf16 = grad.data(), .count = count}; };
  const GradTensor tensor = tensor_of();
  const KernelArray<float> norm(1), scale(1), workspace(global_norm_workspace_floats({&tensor, 1}));
  return {[=](Stream stream) {
            const GradTensor all = tensor_of();
            global_norm(stream, norm.data(), scale.data(), {&all, 1}, 1, workspace.data());
          },
          [=] {
            const double expected = std::sqrt(square_sum_ref(in_double(gradient).data(), count));
            // A lane's sum of 64 squares, 8 steps of the block's, and the partials'.
            return largest_error(in_double(norm.to_host_sync()), {expected},
                                 [](double value) { return 128 * 0x1p-24 * value; });
          },
          {.read_bytes = grad.bytes_moved()}};
}

const Registration kCell({"optim/global_norm",
                          {{"bf16 gradients", "parameters", 1 << 26, 1 << 15, 0.9, prepare}}});

}  // namespace
}  // namespace vggroove::bench

#include "kernels/optim/global_norm.h"

#include <memory>
#include <type_traits>

#include "bench/support/workload.h"

namespace vggroove::bench {
namespace {

template <class Grad>
Prepared prepare(std::int64_t count) {
  const auto gradient = random_values<Grad>(count, 1);
  const KernelArray<Grad> grad(gradient);
  const auto tensor_of = [=] {
    GradTensor all{.count = count};
    if constexpr (std::is_same_v<Grad, float>) {
      all.grad = grad.data();
    } else {
      all.grad_bf16 = grad.data();
    }
    return all;
  };
  const GradTensor tensor = tensor_of();
  const KernelArray<double> total(std::vector<double>{0});
  const KernelArray<float> factor(1), workspace(add_squares_workspace_floats({&tensor, 1}));
  const auto runs = std::make_shared<int>(0);  // the total grows with each
  return {[=](Stream stream) {
            ++*runs;
            const GradTensor all = tensor_of();
            add_squares(stream, total.data(), {&all, 1}, workspace.data());
            clip_factor(stream, factor.data(), total.data(), 1);
          },
          [=] {
            const double square_sum = square_sum_ref(in_double(gradient).data(), count);
            const double expected = clip_factor_ref(*runs * square_sum, 1);
            // A lane's sum of 64 squares and 8 steps of the block's.
            return largest_error(in_double(factor.to_host_sync()), {expected},
                                 [](double value) { return 128 * 0x1p-24 * value; });
          },
          {.read_bytes = grad.bytes_moved()}};
}

const Registration kCell({"optim/global_norm",
                          {{"fp32 gradients", "parameters", 1 << 26, 1 << 15, 0.9, prepare<float>},
                           {"bf16 gradients", "parameters", 1 << 26, 1 << 15, 0.9,
                            prepare<BFloat16>}}});

}  // namespace
}  // namespace vggroove::bench

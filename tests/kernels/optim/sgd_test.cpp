#include "kernels/optim/sgd.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <vector>

#include "tests/kernels/kernel_test.h"
#include "tests/kernels/optim/golden_optim.h"

namespace vggroove {
namespace {

using testing::DeviceArray;
using testing::DeviceValue;
using testing::expect_each_within;
using testing::expect_same_in_every_thread_order;
using testing::formula_integers;
using testing::joined;
using Values = std::vector<double>;

// All tensors of the golden file in one launch, fp32; the reference beside it.
TEST(Sgd, reference_and_kernel_are_pytorch_with_clipping_and_a_schedule) {
  const auto golden = testing::golden_optim();
  const auto& run = golden["sgd"];
  const std::vector<std::int64_t> sizes = golden["sizes"];
  const Values decays = golden["weight_decays"], scales = golden["learning_rate_scales"];
  const double momentum = run["momentum"];
  // Each tensor on a 16-byte boundary of its own.
  constexpr std::int64_t kPitch = 8;
  const auto spread = [&](const Values& packed) {
    Values padded(sizes.size() * kPitch);
    std::size_t from = 0;
    for (std::size_t t = 0; t < sizes.size(); ++t) {
      for (std::int64_t i = 0; i < sizes[t]; ++i) {
        padded[t * kPitch + i] = packed[from++];
      }
    }
    return padded;
  };
  const Values start = spread(run["start"]);
  Values parameter = start, buffer(start.size());
  DeviceArray<float> parameter_device(start), buffer_device(Values(start.size(), 0.0));
  int num_steps = 0;
  for (const auto& expected : run["steps"]) {
    ++num_steps;
    const Values grad = spread(expected["gradient"]), after = spread(expected["after"]);
    const double rate = expected["learning_rate"];
    const double grad_scale =
        std::min(1.0, golden["max_norm"].get<double>() / (expected["norm"].get<double>() + 1e-6));
    DeviceArray<float> grad_device(grad);
    std::vector<SgdTensor> entries;
    for (std::size_t t = 0; t < sizes.size(); ++t) {
      const std::size_t at = t * kPitch;
      sgd_ref({&parameter[at], &buffer[at], &grad[at], sizes[t], decays[t]}, rate * scales[t],
              grad_scale, momentum);
      entries.push_back({.parameter = parameter_device.data() + at,
                         .momentum_buffer = buffer_device.data() + at,
                         .grad = grad_device.data() + at,
                         .count = sizes[t],
                         .learning_rate_scale = static_cast<float>(scales[t]),
                         .weight_decay = static_cast<float>(decays[t])});
    }
    const auto rate_device = static_cast<float>(rate),
               scale_device = static_cast<float>(grad_scale);
    sgd(nullptr, entries, DeviceValue(rate_device).data(), DeviceValue(scale_device).data(),
        static_cast<float>(momentum));
    expect_each_within(
        parameter, after, [](std::size_t) { return 1e-14; }, "reference");
    // Parameters are below 4 (one rounding a step); buffers below 16, six roundings, times 0.02.
    expect_each_within(
        parameter_device.values(), after,
        [&](std::size_t) { return num_steps * (4 + 6 * 16 * 0.02) * 0x1p-24; }, "kernel");
  }
}

// Integers and powers of two: exact. A chunk and a bit of bf16 gradients, with a bf16 copy.
TEST(Sgd, is_exact_on_integers) {
  constexpr std::int64_t kCount = 16384 + 3;
  const Values start = formula_integers(kCount, 3, 5, 61),
               grad = formula_integers(kCount, 5, 3, 31),
               momentum_buffer = formula_integers(kCount, 1, 7, 17);
  Values parameter = start, buffer = momentum_buffer;
  sgd_ref({parameter.data(), buffer.data(), grad.data(), kCount, 2}, 0.5, 0.25, 0.5);
  expect_same_in_every_thread_order([&] {
    DeviceArray<float> parameter_device(start), buffer_device(momentum_buffer);
    DeviceArray<BFloat16> grad_device(grad), copy(kCount);
    const SgdTensor entry = {.parameter = parameter_device.data(),
                             .momentum_buffer = buffer_device.data(),
                             .grad_bf16 = grad_device.data(),
                             .parameter_bf16 = copy.data(),
                             .count = kCount,
                             .weight_decay = 2};
    const float rate = 0.5F, grad_scale = 0.25F;
    sgd(nullptr, {&entry, 1}, DeviceValue(rate).data(), DeviceValue(grad_scale).data(), 0.5F);
    EXPECT_EQ(parameter_device.values(), parameter);
    EXPECT_EQ(buffer_device.values(), buffer);
    EXPECT_EQ(copy.bytes(), DeviceArray<BFloat16>(parameter).bytes());
    return joined({parameter_device.bytes(), buffer_device.bytes()});
  });
}

TEST(Sgd, moves_each_byte_once) {
  VGGROOVE_SKIP_UNLESS_COUNTING();
  constexpr std::int64_t kCount = 16384 + 4096;
  const Values values = formula_integers(kCount, 3, 5, 61);
  DeviceArray<float> parameter(values), buffer(values), grad(values);
  const SgdTensor entry = {.parameter = parameter.data(),
                           .momentum_buffer = buffer.data(),
                           .grad = grad.data(),
                           .count = kCount};
  const float rate = 0.5F;
  sgd(nullptr, {&entry, 1}, DeviceValue(rate).data(), nullptr, 0.5F);
  testing::expect_traffic(simt::last_launch(), {12 * kCount, 8 * kCount, 1.02});
}

}  // namespace
}  // namespace vggroove

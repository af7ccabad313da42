#include "kernels/optim/adamw.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <deque>
#include <vector>

#include "tests/kernels/kernel_test.h"
#include "tests/kernels/optim/golden_optim.h"
#include "tests/support/expect_error.h"

namespace vggroove {
namespace {

using testing::DeviceArray;
using testing::DeviceValue;
using testing::expect_each_within;
using testing::expect_same_in_every_thread_order;
using testing::joined;
using testing::random_values;
using Values = std::vector<double>;

// One tensor with its state; the gradient is fp32 or bf16.
template <class Grad>
struct Tensor {
  Tensor(const Values& start, const Values& gradient)
      : parameter(start),
        first(Values(start.size())),
        second(Values(start.size())),
        grad(gradient),
        rounded(start.size()) {}

  AdamwTensor entry(float weight_decay, float learning_rate_scale = 1) {
    AdamwTensor entry = {.parameter = parameter.data(),
                         .first_moment = first.data(),
                         .second_moment = second.data(),
                         .parameter_bf16 = rounded.data(),
                         .count = static_cast<std::int64_t>(parameter.size()),
                         .learning_rate_scale = learning_rate_scale,
                         .weight_decay = weight_decay};
    if constexpr (std::is_same_v<Grad, float>) {
      entry.grad = grad.data();
    } else {
      entry.grad_bf16 = grad.data();
    }
    return entry;
  }

  DeviceArray<float> parameter, first, second;
  DeviceArray<Grad> grad;
  DeviceArray<BFloat16> rounded;
};

Values slice(const Values& all, std::size_t first, std::size_t size) {
  return {all.begin() + static_cast<std::ptrdiff_t>(first),
          all.begin() + static_cast<std::ptrdiff_t>(first + size)};
}

TEST(Adamw, reference_and_kernel_are_pytorch_with_clipping_and_a_schedule) {
  const auto golden = testing::golden_optim();
  const auto& run = golden["adamw"];
  const std::vector<std::size_t> sizes = golden["sizes"];
  const Values decays = golden["weight_decays"], scales = golden["learning_rate_scales"];
  const AdamwParams params;
  std::size_t first = 0;
  for (std::size_t t = 0; t < sizes.size(); first += sizes[t], ++t) {
    SCOPED_TRACE(t);
    const Values start = slice(run["start"], first, sizes[t]);
    Values parameter = start, first_moment(sizes[t]), second_moment(sizes[t]);
    Tensor<float> tensor(start, start);
    for (std::int64_t step = 1; step <= static_cast<std::int64_t>(run["steps"].size()); ++step) {
      const auto& expected = run["steps"][step - 1];
      const Values grad = slice(expected["gradient"], first, sizes[t]);
      const Values after = slice(expected["after"], first, sizes[t]);
      const double rate = expected["learning_rate"];
      const double grad_scale =
          std::min(1.0, golden["max_norm"].get<double>() / (expected["norm"].get<double>() + 1e-6));
      adamw_ref({parameter.data(), first_moment.data(), second_moment.data(), grad.data(),
                 static_cast<std::int64_t>(sizes[t]), decays[t]},
                rate * scales[t], step, grad_scale, params);
      expect_each_within(
          parameter, after, [](std::size_t) { return 1e-14; }, "reference");

      std::copy(grad.begin(), grad.end(), tensor.grad.data());
      const AdamwStep device_step = adamw_step(params, rate, step);
      const auto device_scale = static_cast<float>(grad_scale);
      const AdamwTensor entry =
          tensor.entry(static_cast<float>(decays[t]), static_cast<float>(scales[t]));
      adamw(nullptr, {&entry, 1}, DeviceValue(device_step).data(), DeviceValue(device_scale).data(),
            params);
      // Parameters are below 2; a step rounds them twice (2 x 2 x 2^-24), and what it adds, at most
      // 4 learning rates, is off by some 16 roundings.
      expect_each_within(
          tensor.parameter.values(), after,
          [&](std::size_t) { return static_cast<double>(step) * (4 + 16 * 4 * 0.02) * 0x1p-24; },
          "kernel");
      EXPECT_EQ(tensor.rounded.bytes(), DeviceArray<BFloat16>(tensor.parameter.values()).bytes());
    }
  }
}

// More tensors than a launch takes, of sizes around a thread's four elements and a block's chunk,
// an empty one among them; one reference for all.
template <class Grad>
void expect_many_tensors_match() {
  const std::int64_t sizes[] = {1, 3, 4, 0, 5, 1023, 16384, 16385, 7};
  constexpr int kTensors = 60;
  const AdamwParams params = {.beta1 = 0.875, .beta2 = 0.96875, .epsilon = 0x1p-20};
  constexpr std::int64_t kStep = 3;
  expect_same_in_every_thread_order([&] {
    std::deque<Tensor<Grad>> tensors;
    std::vector<AdamwTensor> entries;
    for (int t = 0; t < kTensors; ++t) {
      const std::int64_t size = t < 9 ? sizes[t] : 2 + t % 3;
      tensors.emplace_back(random_values(size, t), random_values(size, 100 + t));
      const Values moments = random_values(size, 200 + t);
      for (std::size_t i = 0; i < moments.size(); ++i) {
        tensors[t].first.data()[i] = static_cast<float>(moments[i]);
        tensors[t].second.data()[i] = static_cast<float>(1 + moments[i]);
      }
      entries.push_back(tensors[t].entry(0.0625F * static_cast<float>(t % 3)));
    }
    std::vector<Values> expected;
    for (int t = 0; t < kTensors; ++t) {
      Values parameter = tensors[t].parameter.values(), first = tensors[t].first.values(),
             second = tensors[t].second.values();
      const Values grad = tensors[t].grad.values();
      adamw_ref({parameter.data(), first.data(), second.data(), grad.data(),
                 static_cast<std::int64_t>(grad.size()), 0.0625 * (t % 3)},
                0.125, kStep, 0.5, params);
      expected.insert(expected.end(), {parameter, first, second});
    }
    const AdamwStep step = adamw_step(params, 0.125, kStep);
    const float grad_scale = 0.5F;
    adamw(nullptr, entries, DeviceValue(step).data(), DeviceValue(grad_scale).data(), params);
    std::vector<std::uint8_t> bytes;
    for (int t = 0; t < kTensors; ++t) {
      SCOPED_TRACE(t);
      // The parameter is below 1 and its step below 0.125 * 3 / sqrt(0.09 of 1 - 0.97^3 ...) < 4;
      // some 16 roundings.
      const auto tolerance = [](std::size_t) { return 16 * 4 * 0x1p-24; };
      expect_each_within(tensors[t].parameter.values(), expected[3 * t], tolerance, "parameter");
      expect_each_within(tensors[t].first.values(), expected[3 * t + 1], tolerance, "first");
      expect_each_within(tensors[t].second.values(), expected[3 * t + 2], tolerance, "second");
      bytes = joined({bytes, tensors[t].parameter.bytes(), tensors[t].second.bytes()});
    }
    return bytes;
  });
}

TEST(Adamw, updates_60_tensors_of_every_size) {
  expect_many_tensors_match<float>();
}

TEST(Adamw, takes_bf16_gradients) {
  expect_many_tensors_match<BFloat16>();
}

TEST(Adamw, without_scale_and_copy_is_the_same_step) {
  const Values start = random_values(9, 1), grad = random_values(9, 2);
  Tensor<float> with(start, grad), without(start, grad);
  const AdamwStep step = adamw_step({}, 0.01, 1);
  const float one = 1;
  AdamwTensor entry = with.entry(0.5F);
  adamw(nullptr, {&entry, 1}, DeviceValue(step).data(), DeviceValue(one).data(), {});
  entry = without.entry(0.5F);
  entry.parameter_bf16 = nullptr;
  adamw(nullptr, {&entry, 1}, DeviceValue(step).data(), nullptr, {});
  EXPECT_EQ(with.parameter.bytes(), without.parameter.bytes());
}

// Five models: each at its own step with its own rate, decay and scale; the third rests.
TEST(Adamw, models_train_each_at_its_own_step) {
  constexpr int kModels = 5;
  const AdamwParams params = {.beta1 = 0.875, .beta2 = 0.96875, .epsilon = 0x1p-20};
  for (const std::int64_t count : {4, 36, 1024, 1028}) {
    SCOPED_TRACE(count);
    const std::int64_t all = kModels * count, decaying = count / 2 + 1;
    const Values start = random_values(all, 1), gradient = random_values(all, 2),
                 moments = random_values(all, 3);
    Values positive = moments, parameters = start, firsts = moments;
    for (double& value : positive) {
      value += 1;
    }
    Values seconds = positive;
    DeviceArray<AdamwModelStep> steps(kModels);
    DeviceArray<float> decays(static_cast<std::size_t>(count));
    std::fill_n(decays.data(), count, 0.0F);
    std::fill_n(decays.data(), decaying, 1.0F);
    for (int m = 0; m < kModels; ++m) {
      const double rate = 0.125 / (1 + m), scale = m == 2 ? 0 : 0.5 * (1 + m);
      steps.data()[m] = {adamw_step(params, rate, 1 + m), 0.0625F * static_cast<float>(m),
                         static_cast<float>(scale)};
      const auto tensor_from = [&](std::int64_t first, std::int64_t size, double decay) {
        adamw_ref({parameters.data() + first, firsts.data() + first, seconds.data() + first,
                   gradient.data() + first, size, decay},
                  rate, 1 + m, scale, params);
      };
      if (scale > 0) {
        tensor_from(m * count, decaying, 0.0625 * m);
        tensor_from(m * count + decaying, count - decaying, 0);
      }
    }
    expect_same_in_every_thread_order([&] {
      DeviceArray<float> parameter(start), first(moments), second(positive), grad(gradient);
      adamw_models(nullptr, parameter.data(), first.data(), second.data(), grad.data(),
                   decays.data(), steps.data(), {kModels, count}, params);
      // As above, with gradients of up to 2.5: moments below 8.
      const auto tolerance = [](std::size_t) { return 8 * 16 * 4 * 0x1p-24; };
      expect_each_within(parameter.values(), parameters, tolerance, "parameters");
      expect_each_within(first.values(), firsts, tolerance, "first");
      expect_each_within(second.values(), seconds, tolerance, "second");
      EXPECT_EQ(parameter.data()[2 * count], static_cast<float>(start[2 * count]));
      return joined({parameter.bytes(), first.bytes(), second.bytes()});
    });
  }
  testing::expect_error(ErrorClass::kUsage, "multiple of 4", [] {
    adamw_models(nullptr, nullptr, nullptr, nullptr, nullptr, nullptr, nullptr, {1, 3}, {});
  });
}

TEST(Adamw, models_move_each_byte_once) {
  VGGROOVE_SKIP_UNLESS_COUNTING();
  constexpr std::int64_t kCount = 4096, kModels = 8;
  const Values values = random_values(kModels * kCount, 1);
  DeviceArray<float> parameter(values), first(Values(values.size())), second(Values(values.size())),
      grad(values), decays(Values(kCount, 1.0));
  DeviceArray<AdamwModelStep> steps(kModels);
  std::fill_n(steps.data(), kModels, AdamwModelStep{adamw_step({}, 0.01, 1), 0.1F, 1.0F});
  adamw_models(nullptr, parameter.data(), first.data(), second.data(), grad.data(), decays.data(),
               steps.data(), {kModels, kCount}, {});
  // The simulator has no caches: decays are counted for each model, and its step for each warp (64
  // beside 4096 bytes).
  testing::expect_traffic(simt::last_launch(),
                          {20 * kModels * kCount, 12 * kModels * kCount, 1.05});
}

TEST(Adamw, moves_each_byte_once) {
  VGGROOVE_SKIP_UNLESS_COUNTING();
  constexpr std::int64_t kCount = 16384 + 4096;
  const Values values = random_values(kCount, 1);
  Tensor<float> tensor(values, values);
  const AdamwTensor entry = tensor.entry(0.5F);
  const AdamwStep step = adamw_step({}, 0.01, 1);
  adamw(nullptr, {&entry, 1}, DeviceValue(step).data(), nullptr, {});
  testing::expect_traffic(simt::last_launch(), {16 * kCount, (12 + 2) * kCount, 1.02});
}

}  // namespace
}  // namespace vggroove

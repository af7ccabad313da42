#include "kernels/optim/adamw.h"

#include <algorithm>
#include <type_traits>

#include "bench/support/workload.h"

namespace vggroove::bench {
namespace {

constexpr std::int64_t kVerified = 4096;
constexpr double kRate = 0x1p-10;
constexpr float kDecay = 0.015625F;

// Of the first kVerified parameters after one step from moments of 0, against the reference.
template <class Grad>
double first_step_error(const KernelArray<float>& parameter, const std::vector<float>& start,
                        const std::vector<Grad>& gradient) {
  const std::int64_t verified = std::min(static_cast<std::int64_t>(start.size()), kVerified);
  std::vector<double> expected = in_double(start), grads = in_double(gradient);
  std::vector<double> first_moment(start.size()), second_moment(start.size());
  adamw_ref({expected.data(), first_moment.data(), second_moment.data(), grads.data(), verified,
             static_cast<double>(kDecay)},
            kRate, 1, 1, AdamwParams{});
  expected.resize(verified);
  // Two roundings of a parameter below 2, and some 16 of a step of 4 rates at most.
  return largest_error(in_double(parameter.to_host_sync()), expected,
                       [](double) { return (4 + 16 * 4 * kRate) * 0x1p-24; });
}

// A first step from moments of 0. Each launch takes another: only the first one's result can be
// told from the outside, so the moments and parameters are put back before it is verified.
template <class Grad>
Prepared prepare(std::int64_t count) {
  const AdamwParams params;
  const auto start = random_values<float>(count, 1);
  const auto gradient = random_values<Grad>(count, 2);
  const std::vector<float> zeros(count);
  const KernelArray<float> parameter(start), first(zeros), second(zeros);
  const KernelArray<Grad> grad(gradient);
  const KernelArray<BFloat16> rounded(count);
  const KernelArray<AdamwStep> step(std::vector{adamw_step(params, kRate, 1)});
  const auto launch = [=](Stream stream) {
    AdamwTensor tensor{.parameter = parameter.data(),
                       .first_moment = first.data(),
                       .second_moment = second.data(),
                       .parameter_bf16 = rounded.data(),
                       .count = count,
                       .weight_decay = kDecay};
    if constexpr (std::is_same_v<Grad, float>) {
      tensor.grad = grad.data();
    } else {
      tensor.grad_bf16 = grad.data();
    }
    adamw(stream, {&tensor, 1}, step.data(), nullptr, params);
  };
  return {launch,
          [=] {
            parameter.assign_sync(start);
            first.assign_sync(zeros);
            second.assign_sync(zeros);
            launch(nullptr);
            return first_step_error(parameter, start, gradient);
          },
          {.read_bytes = 3 * parameter.bytes_moved() + grad.bytes_moved(),
           .written_bytes = 3 * parameter.bytes_moved() + rounded.bytes_moved()}};
}

// A first step of heads with 100 hidden units for ten genres.
Prepared prepare_models(std::int64_t models) {
  constexpr std::int64_t kHeadParameters = 14912;
  const AdamwParams params;
  const std::int64_t count = models * kHeadParameters;
  const auto start = random_values<float>(count, 1), gradient = random_values<float>(count, 2);
  const std::vector<float> zeros(count);
  const KernelArray<float> parameter(start), first(zeros), second(zeros), grad(gradient),
      decays(std::vector<float>(kHeadParameters, 1.0F));
  const KernelArray<AdamwModelStep> steps(
      std::vector<AdamwModelStep>(models, {adamw_step(params, kRate, 1), kDecay, 1.0F}));
  const auto launch = [=](Stream stream) {
    adamw_models(stream, parameter.data(), first.data(), second.data(), grad.data(), decays.data(),
                 steps.data(), {static_cast<int>(models), kHeadParameters}, params);
  };
  return {launch,
          [=] {
            parameter.assign_sync(start);
            first.assign_sync(zeros);
            second.assign_sync(zeros);
            launch(nullptr);
            return first_step_error(parameter, start, gradient);
          },
          {.read_bytes = 4 * parameter.bytes_moved() + decays.bytes_moved(),
           .written_bytes = 3 * parameter.bytes_moved()}};
}

const Registration kCell(
    {"optim/adamw",
     {{"fp32 gradients, bf16 copies", "parameters", 1 << 25, 1 << 15, 0.9, prepare<float>},
      {"bf16 gradients and copies", "parameters", 1 << 25, 1 << 15, 0.9, prepare<BFloat16>},
      {"heads of their own step", "heads", 1024, 2, 0.9, prepare_models}}});

}  // namespace
}  // namespace vggroove::bench

#include "train/adam.h"

#include <cmath>
#include <utility>

namespace vggroove {

Adam::Adam(double learning_rate, std::vector<float> weight_decay)
    : learning_rate_(learning_rate),
      weight_decay_(std::move(weight_decay)),
      first_moment_(weight_decay_.size()),
      second_moment_(weight_decay_.size()) {}

void Adam::step(std::span<float> parameters, std::span<const float> gradient) {
  constexpr double kBeta1 = 0.9, kBeta2 = 0.999;
  constexpr float kEpsilon = 1e-8F;
  ++num_steps_;
  const auto t = static_cast<double>(num_steps_);
  const auto rate = static_cast<float>(learning_rate_);
  const auto step_size = static_cast<float>(learning_rate_ / (1 - std::pow(kBeta1, t)));
  const auto root_of_correction = static_cast<float>(std::sqrt(1 - std::pow(kBeta2, t)));
  constexpr auto kNew1 = static_cast<float>(1 - kBeta1), kOld2 = static_cast<float>(kBeta2),
                 kNew2 = static_cast<float>(1 - kBeta2);
  for (std::size_t i = 0; i < parameters.size(); ++i) {
    const float g = gradient[i];
    first_moment_[i] += (g - first_moment_[i]) * kNew1;
    second_moment_[i] = second_moment_[i] * kOld2 + g * g * kNew2;
    const float scale = std::sqrt(second_moment_[i]) / root_of_correction + kEpsilon;
    parameters[i] -= parameters[i] * rate * weight_decay_[i];
    parameters[i] -= step_size * first_moment_[i] / scale;
  }
}

}  // namespace vggroove

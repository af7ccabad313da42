#include "train/adam.h"

#include <cmath>

#include "engine/backends/cpu/elementwise.h"

namespace vggroove {

Adam::Adam(double learning_rate, std::span<const float> weight_decay)
    : learning_rate_(learning_rate),
      first_moment_(weight_decay.size()),
      second_moment_(weight_decay.size()) {
  for (const float decay : weight_decay) {
    if (runs_.empty() || runs_.back().weight_decay != decay) {
      runs_.push_back({0, decay});
    }
    ++runs_.back().count;
  }
}

void Adam::step(std::span<float> parameters, std::span<const float> gradient) {
  AdamWStep step{.learning_rate = learning_rate_, .step = ++num_steps_};
  const auto t = static_cast<double>(num_steps_);
  const cpu::AdamWCorrections corrections{.first = 1 - std::pow(step.beta1, t),
                                          .second = 1 - std::pow(step.beta2, t)};
  std::size_t first = 0;
  for (const Run& run : runs_) {
    step.weight_decay = run.weight_decay;
    cpu::adamw_part(parameters.data() + first, first_moment_.data() + first,
                    second_moment_.data() + first, gradient.data() + first, 1, run.count, step,
                    corrections);
    first += run.count;
  }
}

}  // namespace vggroove

#include "train/adam.h"

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
  const OptimiserStep step = optimiser_step(learning_rate_, ++num_steps_);
  std::size_t first = 0;
  for (const Run& run : runs_) {
    const AdamWRule rule{.weight_decay = run.weight_decay};
    cpu::adamw_part(parameters.data() + first, first_moment_.data() + first,
                    second_moment_.data() + first, gradient.data() + first, 1, run.count, step,
                    rule);
    first += run.count;
  }
}

}  // namespace vggroove

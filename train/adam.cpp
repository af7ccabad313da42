#include "train/adam.h"

#include <algorithm>
#include <cmath>
#include <utility>

#include "engine/backends/cpu/elementwise.h"

namespace vggroove {

Adam::Adam(double learning_rate, std::vector<float> weight_decay)
    : learning_rate_(learning_rate),
      weight_decay_(std::move(weight_decay)),
      first_moment_(weight_decay_.size()),
      second_moment_(weight_decay_.size()) {}

void Adam::step(std::span<float> parameters, std::span<const float> gradient) {
  AdamWStep step{.learning_rate = learning_rate_, .step = ++num_steps_};
  const auto t = static_cast<double>(num_steps_);
  const cpu::AdamWCorrections corrections{.first = 1 - std::pow(step.beta1, t),
                                          .second = 1 - std::pow(step.beta2, t)};
  for (std::size_t first = 0; first < parameters.size();) {  // runs of equal weight decay
    const auto run = weight_decay_.begin() + static_cast<std::ptrdiff_t>(first);
    const float decay = *run;
    const auto end =
        std::find_if(run, weight_decay_.end(), [decay](float d) { return d != decay; });
    const auto count = static_cast<std::size_t>(end - run);
    step.weight_decay = decay;
    cpu::adamw_part(parameters.data() + first, first_moment_.data() + first,
                    second_moment_.data() + first, gradient.data() + first, 1, count, step,
                    corrections);
    first += count;
  }
}

}  // namespace vggroove

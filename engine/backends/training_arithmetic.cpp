#include "engine/backends/training_arithmetic.h"

#include <algorithm>
#include <cmath>

#include "engine/backends/training_backend.h"

namespace vggroove {

OptimiserStep optimiser_step(double learning_rate, std::int64_t step, const AdamWRule& rule) {
  const auto steps = static_cast<double>(step);
  return {learning_rate, 1 - std::pow(rule.beta1, steps), 1 - std::pow(rule.beta2, steps)};
}

template <class Real>
void softmax_cross_entropy_on_host(Real* losses, Real* grad_logits, const Real* logits,
                                   const Real* targets, std::size_t n, std::size_t k) {
  for (std::size_t row = 0; row < n; ++row) {
    const Real* const x = logits + row * k;
    const Real* const q = targets + row * k;
    const double largest = *std::max_element(x, x + k);
    double sum = 0, target_sum = 0;
    for (std::size_t j = 0; j < k; ++j) {
      sum += std::exp(static_cast<double>(x[j]) - largest);
      target_sum += static_cast<double>(q[j]);
    }
    const double log_sum = largest + std::log(sum);
    double loss = 0;
    for (std::size_t j = 0; j < k; ++j) {
      const double log_probability = static_cast<double>(x[j]) - log_sum;
      const auto target = static_cast<double>(q[j]);
      loss -= target * log_probability;
      grad_logits[row * k + j] = static_cast<Real>(target_sum * std::exp(log_probability) - target);
    }
    losses[row] = static_cast<Real>(loss);
  }
}

template <class Real>
void standardise_on_host(Real* y, const Real* x, const Real* mean, const Real* scale, std::size_t n,
                         std::size_t d) {
  for (std::size_t i = 0; i < n * d; ++i) {
    y[i] = (x[i] - mean[i % d]) * scale[i % d];
  }
}

template <class Real>
void standardise_bwd_on_host(Real* grad_x, const Real* grad_y, const Real* scale, std::size_t n,
                             std::size_t d) {
  for (std::size_t i = 0; i < n * d; ++i) {
    grad_x[i] = grad_y[i] * scale[i % d];
  }
}

#define VGGROOVE_INSTANTIATE(Real)                                                                 \
  template void softmax_cross_entropy_on_host(Real*, Real*, const Real*, const Real*, std::size_t, \
                                              std::size_t);                                        \
  template void standardise_on_host(Real*, const Real*, const Real*, const Real*, std::size_t,     \
                                    std::size_t);                                                  \
  template void standardise_bwd_on_host(Real*, const Real*, const Real*, std::size_t, std::size_t)

VGGROOVE_INSTANTIATE(float);
VGGROOVE_INSTANTIATE(double);
#undef VGGROOVE_INSTANTIATE

}  // namespace vggroove

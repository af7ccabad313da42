#include <algorithm>
#include <cmath>

#include "kernels/nn/softmax_xent.h"

namespace vggroove {

void softmax_xent_ref(double* losses, double* grad_logits, const double* logits,
                      const double* targets, const SoftmaxXentShape& shape) {
  for (std::int64_t row = 0; row < shape.rows; ++row) {
    const double* const z = logits + row * shape.classes;
    const double* const target = targets + row * shape.classes;
    const double maximum = *std::max_element(z, z + shape.classes);
    double exponentials = 0, target_sum = 0;
    for (int c = 0; c < shape.classes; ++c) {
      exponentials += std::exp(z[c] - maximum);
      target_sum += target[c];
    }
    double loss = 0;
    for (int c = 0; c < shape.classes; ++c) {
      const double log_probability = z[c] - maximum - std::log(exponentials);
      loss -= target[c] == 0 ? 0 : target[c] * log_probability;
      grad_logits[row * shape.classes + c] = target_sum * std::exp(log_probability) - target[c];
    }
    losses[row] = loss;
  }
}

}  // namespace vggroove

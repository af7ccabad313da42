#include <algorithm>
#include <cmath>

#include "kernels/nn/softmax_xent.h"

namespace vggroove {

double softmax_xent_ref(double* row_loss, double* grad_logits, const double* logits,
                        const std::int32_t* labels, const double* class_weights,
                        double label_smoothing, const SoftmaxXentShape& shape) {
  const auto weight = [&](int c) { return class_weights == nullptr ? 1.0 : class_weights[c]; };
  double weight_sum = 0, loss = 0;
  for (std::int64_t row = 0; row < shape.rows; ++row) {
    weight_sum += labels[row] < 0 ? 0 : weight(labels[row]);
  }
  for (std::int64_t row = 0; row < shape.rows; ++row) {
    const double* z = logits + row * shape.classes;
    double* grad = grad_logits + row * shape.classes;
    std::fill_n(grad, shape.classes, 0.0);
    row_loss[row] = 0;
    if (labels[row] < 0) {
      continue;
    }
    const double maximum = *std::max_element(z, z + shape.classes);
    double exponentials = 0;
    for (int c = 0; c < shape.classes; ++c) {
      exponentials += std::exp(z[c] - maximum);
    }
    // A sum over targets t of cross-entropies t (-log p[c]); the gradient of each is t (p -
    // onehot).
    const auto add = [&](double target, int c) {
      row_loss[row] += target * (std::log(exponentials) - (z[c] - maximum));
      for (int k = 0; k < shape.classes; ++k) {
        const double probability = std::exp(z[k] - maximum) / exponentials;
        grad[k] += target * (probability - (k == c ? 1.0 : 0.0)) / weight_sum;
      }
    };
    add((1 - label_smoothing) * weight(labels[row]), labels[row]);
    for (int c = 0; c < shape.classes && label_smoothing > 0; ++c) {
      add(label_smoothing / shape.classes * weight(c), c);
    }
    loss += row_loss[row];
  }
  return loss / weight_sum;
}

}  // namespace vggroove

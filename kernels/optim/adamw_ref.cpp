#include <cmath>

#include "kernels/optim/adamw.h"

namespace vggroove {

AdamwStep adamw_step(const AdamwParams& params, double learning_rate, std::int64_t step) {
  const auto steps = static_cast<double>(step);
  return {static_cast<float>(learning_rate), static_cast<float>(1 - std::pow(params.beta1, steps)),
          static_cast<float>(std::sqrt(1 - std::pow(params.beta2, steps)))};
}

void adamw_ref(const AdamwTensorRef& tensor, double learning_rate, std::int64_t step,
               double grad_scale, const AdamwParams& params) {
  const double correction1 = 1 - std::pow(params.beta1, static_cast<double>(step));
  const double correction2 = 1 - std::pow(params.beta2, static_cast<double>(step));
  for (std::int64_t i = 0; i < tensor.count; ++i) {
    const double grad = tensor.grad[i] * grad_scale;
    double& first = tensor.first_moment[i];
    double& second = tensor.second_moment[i];
    first = params.beta1 * first + (1 - params.beta1) * grad;
    second = params.beta2 * second + (1 - params.beta2) * grad * grad;
    tensor.parameter[i] -= learning_rate * tensor.weight_decay * tensor.parameter[i];
    tensor.parameter[i] -=
        learning_rate * (first / correction1) / (std::sqrt(second / correction2) + params.epsilon);
  }
}

}  // namespace vggroove

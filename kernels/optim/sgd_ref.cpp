#include "kernels/optim/sgd.h"

namespace vggroove {

void sgd_ref(const SgdTensorRef& tensor, double learning_rate, double grad_scale, double momentum) {
  for (std::int64_t i = 0; i < tensor.count; ++i) {
    const double grad = tensor.grad[i] * grad_scale + tensor.weight_decay * tensor.parameter[i];
    tensor.momentum_buffer[i] = momentum * tensor.momentum_buffer[i] + grad;
    tensor.parameter[i] -= learning_rate * tensor.momentum_buffer[i];
  }
}

}  // namespace vggroove

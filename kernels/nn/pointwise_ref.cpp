#include "kernels/nn/pointwise.h"

namespace vggroove {

void relu_bwd_ref(double* grad, const double* x, std::int64_t count) {
  for (std::int64_t i = 0; i < count; ++i) {
    grad[i] = x[i] <= 0 ? 0 : grad[i];
  }
}

void accumulate_ref(double* sum, const double* values, std::int64_t count) {
  for (std::int64_t i = 0; i < count; ++i) {
    sum[i] += values[i];
  }
}

void standardise_ref(double* y, const double* x, const double* mean, const double* scale,
                     std::int64_t n, int d) {
  for (std::int64_t i = 0; i < n * d; ++i) {
    y[i] = (x[i] - mean[i % d]) * scale[i % d];
  }
}

void standardise_bwd_ref(double* grad_x, const double* grad_y, const double* scale, std::int64_t n,
                         int d) {
  for (std::int64_t i = 0; i < n * d; ++i) {
    grad_x[i] = grad_y[i] * scale[i % d];
  }
}

}  // namespace vggroove

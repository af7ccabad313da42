#include <algorithm>

#include "kernels/nn/bias_grad.h"

namespace vggroove {

void bias_grad_ref(double* grad_bias, const double* grad, std::int64_t rows, int channels) {
  std::fill_n(grad_bias, channels, 0.0);
  for (std::int64_t row = 0; row < rows; ++row) {
    for (int channel = 0; channel < channels; ++channel) {
      grad_bias[channel] += grad[row * channels + channel];
    }
  }
}

void relu_bias_bwd_ref(double* grad_x, double* grad_bias, const double* grad_y, const double* y,
                       std::int64_t rows, int channels) {
  for (std::int64_t i = 0; i < rows * channels; ++i) {
    grad_x[i] = y[i] > 0 ? grad_y[i] : 0;
  }
  bias_grad_ref(grad_bias, grad_x, rows, channels);
}

}  // namespace vggroove

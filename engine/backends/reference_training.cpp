#include "engine/backends/reference_training.h"

#include <algorithm>
#include <cmath>
#include <cstring>
#include <functional>

#include "engine/backends/layers_ref.h"
#include "engine/backends/training_arithmetic.h"
#include "kernels/optim/global_norm.h"

namespace vggroove {
namespace {

// Calls at(output pixel, input pixel, tap) for all pairs that the convolution joins.
void for_each_tap(const Conv3x3Shape& shape,
                  const std::function<void(std::size_t, std::size_t, std::size_t)>& at) {
  for (std::size_t image = 0; image < shape.n; ++image) {
    for (std::size_t y = 0; y < shape.height; ++y) {
      for (std::size_t x = 0; x < shape.width; ++x) {
        for (std::size_t tap = 0; tap < 9; ++tap) {
          const std::size_t row = y + tap / 3, column = x + tap % 3;  // one more than the pixel's
          if (row >= 1 && row <= shape.height && column >= 1 && column <= shape.width) {
            const std::size_t first = image * shape.height * shape.width;
            at(first + y * shape.width + x, first + (row - 1) * shape.width + column - 1, tap);
          }
        }
      }
    }
  }
}

void clear_if(GradientMode mode, double* grad, std::size_t count) {
  if (mode == GradientMode::kOverwrite) {
    std::fill_n(grad, count, 0.0);
  }
}

}  // namespace

DeviceMemory ReferenceTraining::allocate(std::size_t bytes) {
  // Freed by the lambda: DeviceMemory knows no types.
  auto* const values = new double[(bytes + sizeof(double) - 1) / sizeof(double)]();
  return {values, bytes, [values] { delete[] values; }};
}
void ReferenceTraining::to_device(void* to, const void* host_from, std::size_t bytes) {
  std::memcpy(to, host_from, bytes);
}
void ReferenceTraining::to_host_sync(void* host_to, const void* from, std::size_t bytes) {
  std::memcpy(host_to, from, bytes);
}
void ReferenceTraining::fill_zero(void* to, std::size_t bytes) {
  std::memset(to, 0, bytes);
}

void ReferenceTraining::conv3x3_weights_to_device(double* to, const double* host_from,
                                                  const Conv3x3Shape& shape) {
  std::copy_n(host_from, shape.weights_count(), to);
}
void ReferenceTraining::conv3x3_weights_to_host_sync(double* host_to, const double* from,
                                                     const Conv3x3Shape& shape) {
  std::copy_n(from, shape.weights_count(), host_to);
}

void ReferenceTraining::conv3x3(void* y_data, const void* x_data, const double* weights,
                                const double* biases, const Conv3x3Shape& shape) {
  auto* const y = static_cast<double*>(y_data);
  const auto* const x = static_cast<const double*>(x_data);
  conv3x3_ref({.height = shape.height,
               .width = shape.width,
               .in_channels = shape.in_channels,
               .out_channels = shape.out_channels},
              weights, biases, x, shape.n, y);
}

void ReferenceTraining::conv3x3_dgrad(void* grad_x_data, const void* grad_y_data,
                                      const double* weights, const void* x_data, bool x_is_relu,
                                      const Conv3x3Shape& shape) {
  auto* const grad_x = static_cast<double*>(grad_x_data);
  const auto* const grad_y = static_cast<const double*>(grad_y_data);
  const auto* const x = static_cast<const double*>(x_data);
  const std::size_t in = shape.in_channels, out = shape.out_channels;
  std::fill_n(grad_x, shape.input_count(), 0.0);
  for_each_tap(shape, [&](std::size_t to, std::size_t from, std::size_t tap) {
    for (std::size_t i = 0; i < in; ++i) {
      for (std::size_t o = 0; o < out; ++o) {
        grad_x[from * in + i] += weights[(tap * in + i) * out + o] * grad_y[to * out + o];
      }
    }
  });
  if (x_is_relu) {
    relu_bwd(grad_x, x, shape.input_count());
  }
}

void ReferenceTraining::conv3x3_wgrad(double* grad_weights, double* grad_biases,
                                      const void* grad_y_data, const void* x_data,
                                      GradientMode mode, const Conv3x3Shape& shape) {
  const auto* const grad_y = static_cast<const double*>(grad_y_data);
  const auto* const x = static_cast<const double*>(x_data);
  const std::size_t in = shape.in_channels, out = shape.out_channels;
  clear_if(mode, grad_weights, shape.weights_count());
  clear_if(mode, grad_biases, out);
  for_each_tap(shape, [&](std::size_t to, std::size_t from, std::size_t tap) {
    for (std::size_t i = 0; i < in; ++i) {
      for (std::size_t o = 0; o < out; ++o) {
        grad_weights[(tap * in + i) * out + o] += x[from * in + i] * grad_y[to * out + o];
      }
    }
  });
  for (std::size_t i = 0; i < shape.output_count(); ++i) {
    grad_biases[i % out] += grad_y[i];
  }
}

// The place of the largest of four, 0 .. 3, or 4 where no ReLU was open.
std::size_t ReferenceTraining::maxpool2x2_cache_bytes(const MaxPoolShape& shape) const {
  return shape.output_count();
}

void ReferenceTraining::maxpool2x2(void* y_data, void* cache, const void* x_data,
                                   const MaxPoolShape& shape) {
  auto* const y = static_cast<double*>(y_data);
  const auto* const x = static_cast<const double*>(x_data);
  auto* const places = static_cast<std::uint8_t*>(cache);
  const std::size_t columns = shape.width / 2;
  for (std::size_t i = 0; i < shape.output_count(); ++i) {
    const std::size_t channel = i % shape.channels, pixel = i / shape.channels;
    const std::size_t first = 2 * (pixel / columns) * shape.width + 2 * (pixel % columns);
    y[i] = 0;
    places[i] = 4;
    for (std::uint8_t place = 0; place < 4; ++place) {
      const std::size_t at = first + place / 2U * shape.width + place % 2U;
      if (x[at * shape.channels + channel] > y[i]) {
        y[i] = x[at * shape.channels + channel];
        places[i] = place;
      }
    }
  }
}

void ReferenceTraining::maxpool2x2_bwd(void* grad_x_data, const void* grad_y_data,
                                       const void* cache, const MaxPoolShape& shape) {
  auto* const grad_x = static_cast<double*>(grad_x_data);
  const auto* const grad_y = static_cast<const double*>(grad_y_data);
  const auto* const places = static_cast<const std::uint8_t*>(cache);
  const std::size_t columns = shape.width / 2;
  std::fill_n(grad_x, shape.input_count(), 0.0);
  for (std::size_t i = 0; i < shape.output_count(); ++i) {
    const std::size_t channel = i % shape.channels, pixel = i / shape.channels;
    const std::size_t first = 2 * (pixel / columns) * shape.width + 2 * (pixel % columns);
    if (places[i] < 4) {
      const std::size_t at = first + places[i] / 2U * shape.width + places[i] % 2U;
      grad_x[at * shape.channels + channel] = grad_y[i];
    }
  }
}

void ReferenceTraining::dense_weights_to_device(double* to, const double* host_from,
                                                const DenseShape& shape) {
  std::copy_n(host_from, shape.in * shape.out, to);
}
void ReferenceTraining::dense_weights_to_host_sync(double* host_to, const double* from,
                                                   const DenseShape& shape) {
  std::copy_n(from, shape.in * shape.out, host_to);
}

void ReferenceTraining::dense(void* y_data, const void* x_data, const double* weights,
                              const double* biases, bool relu, const DenseShape& shape) {
  auto* const y = static_cast<double*>(y_data);
  const auto* const x = static_cast<const double*>(x_data);
  dense_ref({.inputs = shape.in, .outputs = shape.out, .relu = relu}, weights, biases, x, shape.n,
            y);
}

void ReferenceTraining::dense_dgrad(void* grad_x_data, const void* grad_y_data,
                                    const double* weights, const void* x_data, bool x_is_relu,
                                    const DenseShape& shape) {
  auto* const grad_x = static_cast<double*>(grad_x_data);
  const auto* const grad_y = static_cast<const double*>(grad_y_data);
  const auto* const x = static_cast<const double*>(x_data);
  for (std::size_t i = 0; i < shape.n * shape.in; ++i) {
    const double* const row = weights + i % shape.in * shape.out;
    const double* const grad = grad_y + i / shape.in * shape.out;
    grad_x[i] = 0;
    for (std::size_t o = 0; o < shape.out; ++o) {
      grad_x[i] += row[o] * grad[o];
    }
  }
  if (x_is_relu) {
    relu_bwd(grad_x, x, shape.n * shape.in);
  }
}

void ReferenceTraining::dense_wgrad(double* grad_weights, double* grad_biases,
                                    const void* grad_y_data, const void* x_data, GradientMode mode,
                                    const DenseShape& shape) {
  const auto* const grad_y = static_cast<const double*>(grad_y_data);
  const auto* const x = static_cast<const double*>(x_data);
  clear_if(mode, grad_weights, shape.in * shape.out);
  clear_if(mode, grad_biases, shape.out);
  for (std::size_t row = 0; row < shape.n; ++row) {
    for (std::size_t o = 0; o < shape.out; ++o) {
      const double grad = grad_y[row * shape.out + o];
      grad_biases[o] += grad;
      for (std::size_t i = 0; i < shape.in; ++i) {
        grad_weights[i * shape.out + o] += x[row * shape.in + i] * grad;
      }
    }
  }
}

void ReferenceTraining::standardise(void* y_data, const void* x_data, const double* mean,
                                    const double* scale, std::size_t n, std::size_t d) {
  auto* const y = static_cast<double*>(y_data);
  const auto* const x = static_cast<const double*>(x_data);
  standardise_on_host(y, x, mean, scale, n, d);
}
void ReferenceTraining::standardise_bwd(void* grad_x_data, const void* grad_y_data,
                                        const double* scale, std::size_t n, std::size_t d) {
  auto* const grad_x = static_cast<double*>(grad_x_data);
  const auto* const grad_y = static_cast<const double*>(grad_y_data);
  standardise_bwd_on_host(grad_x, grad_y, scale, n, d);
}
void ReferenceTraining::dropout(void* values_data, const DropoutBatch* batch, std::size_t count,
                                const DropoutParams& params) {
  dropout_on_host(static_cast<double*>(values_data), *batch, count, params);
}
void ReferenceTraining::softmax_cross_entropy(double* losses, void* grad_logits_data,
                                              const void* logits_data, const double* targets,
                                              std::size_t n, std::size_t k) {
  auto* const grad_logits = static_cast<double*>(grad_logits_data);
  const auto* const logits = static_cast<const double*>(logits_data);
  softmax_cross_entropy_on_host(losses, grad_logits, logits, targets, n, k);
}

void ReferenceTraining::add_squares(double* total, const double* gradient, std::size_t count) {
  for (std::size_t i = 0; i < count; ++i) {
    *total += gradient[i] * gradient[i];
  }
}
void ReferenceTraining::clip_factor(double* factor, const double* total, double max_norm) {
  *factor = clip_factor_ref(*total, max_norm);
}

void ReferenceTraining::adamw(double* parameters, double* first_moment, double* second_moment,
                              const double* gradient, const double* factor, std::size_t count,
                              const void* step_data, const AdamWRule& rule) {
  const auto& step = *static_cast<const OptimiserStep*>(step_data);
  const double learning_rate = step.learning_rate * rule.learning_rate_scale;
  for (std::size_t i = 0; i < count; ++i) {
    const double g = gradient[i] * (factor != nullptr ? *factor : 1);
    parameters[i] *= 1 - learning_rate * rule.weight_decay;
    first_moment[i] += (1 - rule.beta1) * (g - first_moment[i]);
    second_moment[i] += (1 - rule.beta2) * (g * g - second_moment[i]);
    parameters[i] -= learning_rate / step.bias_correction1 * first_moment[i] /
                     (std::sqrt(second_moment[i] / step.bias_correction2) + rule.epsilon);
  }
}

void ReferenceTraining::sgd(double* parameters, double* momentum, const double* gradient,
                            const double* factor, std::size_t count, const void* step_data,
                            const SgdRule& rule) {
  const auto& step = *static_cast<const OptimiserStep*>(step_data);
  for (std::size_t i = 0; i < count; ++i) {
    const double g = gradient[i] * (factor != nullptr ? *factor : 1);
    momentum[i] = rule.momentum * momentum[i] + g + rule.weight_decay * parameters[i];
    parameters[i] -= step.learning_rate * rule.learning_rate_scale * momentum[i];
  }
}

}  // namespace vggroove

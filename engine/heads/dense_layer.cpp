#include "engine/heads/dense_layer.h"

#include <algorithm>
#include <cmath>
#include <vector>

#include "engine/heads/dense_product.h"

namespace vggroove {

template <class Real>
void dense(Real* y, const Real* x, const Real* weights, const Real* biases, DenseShape shape) {
  dense_product(y, StridedMatrix<Real>{x, shape.in, 1}, weights, shape.n, shape.in, shape.out);
  for (std::size_t row = 0; row < shape.n; ++row) {
    for (std::size_t o = 0; o < shape.out; ++o) {
      y[row * shape.out + o] += biases[o];
    }
  }
}

template <class Real>
void dense_bwd(Real* grad_x, Real* grad_weights, Real* grad_biases, const Real* grad_y,
               const Real* x, const Real* weights, DenseShape shape) {
  dense_product(grad_weights, StridedMatrix<Real>{x, 1, shape.in}, grad_y, shape.in, shape.n,
                shape.out);
  std::fill_n(grad_biases, shape.out, Real{0});
  for (std::size_t row = 0; row < shape.n; ++row) {
    for (std::size_t o = 0; o < shape.out; ++o) {
      grad_biases[o] += grad_y[row * shape.out + o];
    }
  }
  if (grad_x != nullptr) {
    std::vector<Real> transposed(shape.in * shape.out);  // [out, in]
    for (std::size_t i = 0; i < shape.in; ++i) {
      for (std::size_t o = 0; o < shape.out; ++o) {
        transposed[o * shape.in + i] = weights[i * shape.out + o];
      }
    }
    dense_product(grad_x, StridedMatrix<Real>{grad_y, shape.out, 1}, transposed.data(), shape.n,
                  shape.out, shape.in);
  }
}

template <class Real>
void relu(Real* values, std::size_t count) {
  for (std::size_t i = 0; i < count; ++i) {
    values[i] = values[i] < 0 ? Real{0} : values[i];  // NaN stays NaN, and is noticed
  }
}

template <class Real>
void relu_bwd(Real* grad, const Real* activations, std::size_t count) {
  for (std::size_t i = 0; i < count; ++i) {
    grad[i] = activations[i] > 0 ? grad[i] : Real{0};
  }
}

template <class Real>
void softmax(Real* values, std::size_t n, std::size_t k) {
  for (Real* row = values; row < values + n * k; row += k) {
    const Real largest = *std::max_element(row, row + k);
    Real sum = 0;
    for (std::size_t i = 0; i < k; ++i) {
      row[i] = std::exp(row[i] - largest);
      sum += row[i];
    }
    for (std::size_t i = 0; i < k; ++i) {
      row[i] /= sum;
    }
  }
}

template <class Real>
double softmax_cross_entropy(Real* grad_logits, const Real* logits, const int* labels,
                             double smoothing, std::size_t n, std::size_t k) {
  const double everywhere = smoothing / static_cast<double>(k);
  const double mean_of_rows = 1 / static_cast<double>(n);
  double loss = 0;
  std::vector<double> exponentials(k);
  for (std::size_t row = 0; row < n; ++row) {
    const Real* z = logits + row * k;
    Real* grad = grad_logits + row * k;
    const auto label = static_cast<std::size_t>(labels[row]);
    const double largest = *std::max_element(z, z + k);
    double sum = 0;
    for (std::size_t i = 0; i < k; ++i) {
      exponentials[i] = std::exp(z[i] - largest);
      sum += exponentials[i];
    }
    const double log_sum = largest + std::log(sum);
    for (std::size_t i = 0; i < k; ++i) {
      const double target = everywhere + (i == label ? 1 - smoothing : 0);
      loss -= target * (z[i] - log_sum);
      grad[i] = static_cast<Real>((exponentials[i] / sum - target) * mean_of_rows);
    }
  }
  return loss * mean_of_rows;
}

#define VGGROOVE_INSTANTIATE(Real)                                                                 \
  template void dense(Real*, const Real*, const Real*, const Real*, DenseShape);                   \
  template void dense_bwd(Real*, Real*, Real*, const Real*, const Real*, const Real*, DenseShape); \
  template void relu(Real*, std::size_t);                                                          \
  template void relu_bwd(Real*, const Real*, std::size_t);                                         \
  template void softmax(Real*, std::size_t, std::size_t);                                          \
  template double softmax_cross_entropy(Real*, const Real*, const int*, double, std::size_t,       \
                                        std::size_t)

VGGROOVE_INSTANTIATE(float);
VGGROOVE_INSTANTIATE(double);
#undef VGGROOVE_INSTANTIATE

}  // namespace vggroove

#pragma once

#include <cstddef>

namespace vggroove {

// The arithmetic of heads, forward above backward. Forward in float is what predicts; the backward
// pass is the reference of the steps that train (engine/backends/cpu/head_step.h, and cuda's), with
// gradient checks in double. All matrices row-major. Every element is summed in the order of the
// inner index, so the result of a row does not depend on the rows beside it.

struct DenseShape {
  std::size_t n = 0, in = 0, out = 0;
};

// y [n, out] = x [n, in] weights [in, out] + biases [out]
template <class Real>
void dense(Real* y, const Real* x, const Real* weights, const Real* biases, DenseShape shape);

// Overwrites grad_x [n, in] (null: not wanted), grad_weights [in, out] and grad_biases [out];
// from grad_y [n, out] and what dense() took.
template <class Real>
void dense_bwd(Real* grad_x, Real* grad_weights, Real* grad_biases, const Real* grad_y,
               const Real* x, const Real* weights, DenseShape shape);

// values [count] = max(values, 0), in place
template <class Real>
void relu(Real* values, std::size_t count);

// grad [count] in place, from relu's output: 0 where it is 0
template <class Real>
void relu_bwd(Real* grad, const Real* activations, std::size_t count);

// values [n, k], in place: softmax of every row, stable for logits of any size
template <class Real>
void softmax(Real* values, std::size_t n, std::size_t k);

// The mean cross-entropy of the rows, and grad_logits [n, k] = its gradient, in one pass
// (grad_logits may be logits). labels [n] in 0 .. k-1; the target is 1 - smoothing at the label
// plus smoothing / k everywhere, as PyTorch's label_smoothing.
template <class Real>
double softmax_cross_entropy(Real* grad_logits, const Real* logits, const int* labels,
                             double smoothing, std::size_t n, std::size_t k);

}  // namespace vggroove

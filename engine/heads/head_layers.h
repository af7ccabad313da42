#pragma once

#include <cstddef>

namespace vggroove {

// The trainable layers of a head, [dense + ReLU (+ dropout)] -> dense, forward and backward,
// written plainly: what predicts, and what the quicker steps of training are compared with.

struct HeadShape {
  std::size_t inputs = 0, hidden = 0, classes = 0;  // D, H (0: no hidden layer), K

  std::size_t num_hidden_weights() const { return inputs * hidden; }
  std::size_t num_logits_weights() const { return (hidden > 0 ? hidden : inputs) * classes; }
  std::size_t num_parameters() const {
    return num_hidden_weights() + hidden + num_logits_weights() + classes;
  }
};

// Where the parameters, or their gradients, are. Real may be const.
template <class Real>
struct HeadParameters {
  Real* hidden_weights;  // [D, H]
  Real* hidden_biases;   // [H]
  Real* logits_weights;  // [H or D, K]
  Real* logits_biases;   // [K]

  // One after the other in `flat` [num_parameters()], in the order above.
  static HeadParameters within(Real* flat, const HeadShape& shape) {
    Real* hidden_biases = flat + shape.num_hidden_weights();
    Real* logits_weights = hidden_biases + shape.hidden;
    return {flat, hidden_biases, logits_weights, logits_weights + shape.num_logits_weights()};
  }
};

// logits [n, K] from standardised inputs [n, D]. hidden [n, H] receives what backward needs.
// keep [n, H] are dropout's multipliers, 0 or 1 / (1 - p); null: no dropout.
template <class Real>
void head_logits(Real* logits, Real* hidden, const Real* inputs, const Real* keep,
                 HeadParameters<const Real> parameters, const HeadShape& shape, std::size_t n);

// Overwrites grad, from grad_logits [n, K] and what head_logits took and left; grad_hidden [n, H]
// is scratch.
template <class Real>
void head_logits_bwd(HeadParameters<Real> grad, Real* grad_hidden, const Real* grad_logits,
                     const Real* hidden, const Real* inputs, const Real* keep,
                     HeadParameters<const Real> parameters, const HeadShape& shape, std::size_t n);

}  // namespace vggroove

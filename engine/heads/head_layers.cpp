#include "engine/heads/head_layers.h"

#include "engine/heads/dense_layer.h"

namespace vggroove {

template <class Real>
void head_logits(Real* logits, Real* hidden, const Real* inputs, const Real* keep,
                 HeadParameters<const Real> parameters, const HeadShape& shape, std::size_t n) {
  const Real* features = inputs;
  if (shape.hidden > 0) {
    dense(hidden, inputs, parameters.hidden_weights, parameters.hidden_biases,
          {n, shape.inputs, shape.hidden});
    relu(hidden, n * shape.hidden);
    for (std::size_t i = 0; keep != nullptr && i < n * shape.hidden; ++i) {
      hidden[i] *= keep[i];
    }
    features = hidden;
  }
  dense(logits, features, parameters.logits_weights, parameters.logits_biases,
        {n, shape.hidden > 0 ? shape.hidden : shape.inputs, shape.classes});
}

template <class Real>
void head_logits_bwd(HeadParameters<Real> grad, Real* grad_hidden, const Real* grad_logits,
                     const Real* hidden, const Real* inputs, const Real* keep,
                     HeadParameters<const Real> parameters, const HeadShape& shape, std::size_t n) {
  if (shape.hidden == 0) {
    dense_bwd<Real>(nullptr, grad.logits_weights, grad.logits_biases, grad_logits, inputs,
                    parameters.logits_weights, {n, shape.inputs, shape.classes});
    return;
  }
  dense_bwd(grad_hidden, grad.logits_weights, grad.logits_biases, grad_logits, hidden,
            parameters.logits_weights, {n, shape.hidden, shape.classes});
  for (std::size_t i = 0; keep != nullptr && i < n * shape.hidden; ++i) {
    grad_hidden[i] *= keep[i];
  }
  relu_bwd(grad_hidden, hidden, n * shape.hidden);  // a dropped unit is 0 in hidden, and stays so
  dense_bwd<Real>(nullptr, grad.hidden_weights, grad.hidden_biases, grad_hidden, inputs,
                  parameters.hidden_weights, {n, shape.inputs, shape.hidden});
}

#define VGGROOVE_INSTANTIATE(Real)                                                              \
  template void head_logits(Real*, Real*, const Real*, const Real*, HeadParameters<const Real>, \
                            const HeadShape&, std::size_t);                                     \
  template void head_logits_bwd(HeadParameters<Real>, Real*, const Real*, const Real*,          \
                                const Real*, const Real*, HeadParameters<const Real>,           \
                                const HeadShape&, std::size_t)

VGGROOVE_INSTANTIATE(float);
VGGROOVE_INSTANTIATE(double);
#undef VGGROOVE_INSTANTIATE

}  // namespace vggroove

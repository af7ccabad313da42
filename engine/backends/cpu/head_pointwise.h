#pragma once

#include <cstddef>

// What lies between the products of head_step.h, on panels of 32 examples: [units or classes][32].
// All 64-byte aligned.
namespace vggroove::cpu {

// hidden [units][32] = max(hidden + biases, 0) * keep, in place; keep null: 1
void bias_relu_panel(float* hidden, const float* biases, const float* keep, std::size_t units);

// grad [units][32] in place, from bias_relu_panel's output; its sums over the examples are written
// to, or added to, grad_biases [units]
void bias_relu_bwd_panel(float* grad, float* grad_biases, const float* hidden, const float* keep,
                         std::size_t units, bool accumulate);

struct PanelExamples {
  std::size_t count = 0;  // the others get a gradient of 0
  float weight = 1;       // of each in loss and gradient
};
// logits [classes][32], still without biases, become the gradient of the loss; its sums over the
// examples are written to, or added to, grad_biases [classes]. Returns the weighted sum of the
// cross-entropies. Target as softmax_cross_entropy() has it.
double softmax_cross_entropy_panel(float* logits, float* grad_biases, const float* biases,
                                   const int* labels, const PanelExamples& examples,
                                   float smoothing, std::size_t classes, bool accumulate);

}  // namespace vggroove::cpu

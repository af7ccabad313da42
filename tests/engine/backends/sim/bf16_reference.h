#pragma once

#include <gtest/gtest.h>

#include <cstddef>
#include <vector>

#include "engine/backends/reference_training.h"
#include "kernels/common/bfloat16.h"

namespace vggroove::testing {

// The double reference, rounded to bf16 where training in bf16 on CUDA rounds: what it multiplies
// by (weights, biases), what its operations leave behind (activations and their gradients), and the
// gradients of convolutions' weights. A network in bf16 is some 10 % from one in fp32, for ReLUs
// and pools decide otherwise; from this one it is as far as sums in fp32 are from sums in double.
class Bf16Reference : public ReferenceTraining {
 public:
  void activations_to_device(void* to, const double* host_from, std::size_t count) override {
    ReferenceTraining::activations_to_device(to, host_from, count);
    round(to, count);
  }
  void conv3x3(void* y, const void* x, const double* weights, const double* biases,
               const Conv3x3Shape& shape) override {
    ReferenceTraining::conv3x3(y, x, rounded(weights, shape.weights_count()).data(),
                               rounded(biases, shape.out_channels).data(), shape);
    round(y, shape.output_count());
  }
  void conv3x3_dgrad(void* grad_x, const void* grad_y, const double* weights, const void* x,
                     bool x_is_relu, const Conv3x3Shape& shape) override {
    ReferenceTraining::conv3x3_dgrad(grad_x, grad_y, rounded(weights, shape.weights_count()).data(),
                                     x, x_is_relu, shape);
    round(grad_x, shape.input_count());
  }
  void conv3x3_wgrad(double* grad_weights, double* grad_biases, const void* grad_y, const void* x,
                     GradientMode mode, const Conv3x3Shape& shape) override {
    EXPECT_EQ(mode, GradientMode::kOverwrite);
    ReferenceTraining::conv3x3_wgrad(grad_weights, grad_biases, grad_y, x, mode, shape);
    round(grad_weights, shape.weights_count());
  }
  void dense(void* y, const void* x, const double* weights, const double* biases, bool relu,
             const DenseShape& shape) override {
    ReferenceTraining::dense(y, x, rounded(weights, shape.in * shape.out).data(),
                             rounded(biases, shape.out).data(), relu, shape);
    round(y, shape.n * shape.out);
  }
  void dense_dgrad(void* grad_x, const void* grad_y, const double* weights, const void* x,
                   bool x_is_relu, const DenseShape& shape) override {
    ReferenceTraining::dense_dgrad(grad_x, grad_y, rounded(weights, shape.in * shape.out).data(), x,
                                   x_is_relu, shape);
    round(grad_x, shape.n * shape.in);
  }
  void standardise(void* y, const void* x, const double* mean, const double* scale, std::size_t n,
                   std::size_t d) override {
    ReferenceTraining::standardise(y, x, mean, scale, n, d);
    round(y, n * d);
  }
  void standardise_bwd(void* grad_x, const void* grad_y, const double* scale, std::size_t n,
                       std::size_t d) override {
    ReferenceTraining::standardise_bwd(grad_x, grad_y, scale, n, d);
    round(grad_x, n * d);
  }
  void softmax_cross_entropy(double* losses, void* grad_logits, const void* logits,
                             const double* targets, std::size_t n, std::size_t k) override {
    ReferenceTraining::softmax_cross_entropy(losses, grad_logits, logits, targets, n, k);
    round(grad_logits, n * k);
  }

 private:
  static double to_bf16(double value) { return to_float(to_bfloat16(static_cast<float>(value))); }
  static void round(void* values, std::size_t count) {
    auto* const all = static_cast<double*>(values);
    for (std::size_t i = 0; i < count; ++i) {
      all[i] = to_bf16(all[i]);
    }
  }
  static std::vector<double> rounded(const double* values, std::size_t count) {
    std::vector<double> all(values, values + count);
    round(all.data(), count);
    return all;
  }
};

}  // namespace vggroove::testing

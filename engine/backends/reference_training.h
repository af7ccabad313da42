#pragma once

#include <cstddef>
#include <span>

#include "engine/backends/training_backend.h"

namespace vggroove {

// The operations of training in double precision, by their definitions: plain loops on one thread,
// weights in their canonical layouts. What gradient checks run on and devices are compared with.
class ReferenceTraining : public BasicTrainingBackend<double> {
 public:
  std::string description() const override { return "reference (double precision)"; }

  DeviceMemory allocate(std::size_t bytes) override;
  void to_device(void* to, const void* host_from, std::size_t bytes) override;
  void to_host_sync(void* host_to, const void* from, std::size_t bytes) override;
  void fill_zero(void* to, std::size_t bytes) override;
  void synchronize() override {}
  void all_reduce_sum(double* values, std::size_t count) override {
    processes().all_reduce_sum(std::span(values, count));
  }

  void conv3x3_weights_to_device(double* to, const double* host_from,
                                 const Conv3x3Shape& shape) override;
  void conv3x3_weights_to_host_sync(double* host_to, const double* from,
                                    const Conv3x3Shape& shape) override;
  void conv3x3(void* y_data, const void* x_data, const double* weights, const double* biases,
               const Conv3x3Shape& shape) override;
  void conv3x3_dgrad(void* grad_x_data, const void* grad_y_data, const double* weights,
                     const void* x_data, bool x_is_relu, const Conv3x3Shape& shape) override;
  void conv3x3_wgrad(double* grad_weights, double* grad_biases, const void* grad_y_data,
                     const void* x_data, GradientMode mode, const Conv3x3Shape& shape) override;

  std::size_t maxpool2x2_cache_bytes(const MaxPoolShape& shape) const override;
  void maxpool2x2(void* y_data, void* cache, const void* x_data,
                  const MaxPoolShape& shape) override;
  void maxpool2x2_bwd(void* grad_x_data, const void* grad_y_data, const void* cache,
                      const MaxPoolShape& shape) override;

  void dense_weights_to_device(double* to, const double* host_from,
                               const DenseShape& shape) override;
  void dense_weights_to_host_sync(double* host_to, const double* from,
                                  const DenseShape& shape) override;
  void dense(void* y_data, const void* x_data, const double* weights, const double* biases,
             bool relu, const DenseShape& shape) override;
  void dense_dgrad(void* grad_x_data, const void* grad_y_data, const double* weights,
                   const void* x_data, bool x_is_relu, const DenseShape& shape) override;
  void dense_wgrad(double* grad_weights, double* grad_biases, const void* grad_y_data,
                   const void* x_data, GradientMode mode, const DenseShape& shape) override;

  void standardise(void* y_data, const void* x_data, const double* mean, const double* scale,
                   std::size_t n, std::size_t d) override;
  void standardise_bwd(void* grad_x_data, const void* grad_y_data, const double* scale,
                       std::size_t n, std::size_t d) override;
  void dropout(void* values_data, const DropoutBatch* batch, std::size_t count,
               const DropoutParams& params) override;
  void softmax_cross_entropy(double* losses, void* grad_logits_data, const void* logits_data,
                             const double* targets, std::size_t n, std::size_t k) override;

  void add_squares(double* total, const double* gradient, std::size_t count) override;
  void clip_factor(double* factor, const double* total, double max_norm) override;
  void adamw(double* parameters, double* first_moment, double* second_moment,
             const double* gradient, const double* factor, std::size_t count, const void* step,
             const AdamWRule& rule) override;
  void sgd(double* parameters, double* momentum, const double* gradient, const double* factor,
           std::size_t count, const void* step, const SgdRule& rule) override;
};

}  // namespace vggroove

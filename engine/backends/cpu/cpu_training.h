#pragma once

#include <map>
#include <memory>
#include <span>
#include <utility>
#include <vector>

#include "engine/backends/cpu/winograd_filters.h"
#include "engine/backends/training_backend.h"
#include "engine/device/huge_buffer.h"
#include "engine/device/thread_team.h"

namespace vggroove::cpu {

// Training on this machine's cores with our own kernels. Convolutions, their input gradients and
// their filter gradients by Winograd's F(4x4, 3x3); dense weights lie in panels [out / 32][in][32],
// which forward, backward and the optimiser all read from end to end.
// Parameters, gradients, activations and moments are fp32. With bf16 the factors of Winograd's
// products are rounded to bf16, their sums stay fp32; the first convolution and the dense layers,
// which are bound by reading the fp32 weights, compute in fp32 as before.
// The same bits for any number of threads: whatever is summed over examples is summed by one of
// them, in a fixed order.
//   convolutions: one input channel and a multiple of 32 outputs, or 64 j <= 512 inputs, 64 k
//   outputs, height and width multiples of 4; dense layers: any sizes, multiples of 32 are quick
class CpuTraining : public TrainingBackend {
 public:
  // num_threads 0: one per core. `processes` must outlive this. Throws Error(kUsage) for a
  // precision that the processor has no instructions for.
  explicit CpuTraining(unsigned num_threads = 0, Precision precision = Precision::kFp32,
                       Communicator& processes = single_process());

  std::string description() const override;
  Precision precision() const override { return precision_; }

  DeviceMemory allocate(std::size_t bytes) override;
  void to_device(void* to, const void* host_from, std::size_t bytes) override;
  void to_host_sync(void* host_to, const void* from, std::size_t bytes) override;
  void fill_zero(void* to, std::size_t bytes) override;
  void synchronize() override {}
  Communicator& processes() const override { return processes_; }
  void all_reduce_sum(float* values, std::size_t count) override {
    processes_.all_reduce_sum(std::span(values, count));
  }

  void conv3x3_weights_to_device(float* to, const float* host_from,
                                 const Conv3x3Shape& shape) override;
  void conv3x3_weights_to_host_sync(float* host_to, const float* from,
                                    const Conv3x3Shape& shape) override;
  void conv3x3(void* y_data, const void* x_data, const float* weights, const float* biases,
               const Conv3x3Shape& shape) override;
  void conv3x3_dgrad(void* grad_x_data, const void* grad_y_data, const float* weights,
                     const void* x_data, bool x_is_relu, const Conv3x3Shape& shape) override;
  void conv3x3_wgrad(float* grad_weights, float* grad_biases, const void* grad_y_data,
                     const void* x_data, GradientMode mode, const Conv3x3Shape& shape) override;

  std::size_t maxpool2x2_cache_bytes(const MaxPoolShape& shape) const override;
  void maxpool2x2(void* y_data, void* cache, const void* x_data,
                  const MaxPoolShape& shape) override;
  void maxpool2x2_bwd(void* grad_x_data, const void* grad_y_data, const void* cache,
                      const MaxPoolShape& shape) override;

  void dense_weights_to_device(float* to, const float* host_from, const DenseShape& shape) override;
  void dense_weights_to_host_sync(float* host_to, const float* from,
                                  const DenseShape& shape) override;
  void dense(void* y_data, const void* x_data, const float* weights, const float* biases, bool relu,
             const DenseShape& shape) override;
  void dense_dgrad(void* grad_x_data, const void* grad_y_data, const float* weights,
                   const void* x_data, bool x_is_relu, const DenseShape& shape) override;
  void dense_wgrad(float* grad_weights, float* grad_biases, const void* grad_y_data,
                   const void* x_data, GradientMode mode, const DenseShape& shape) override;

  void standardise(void* y_data, const void* x_data, const float* mean, const float* scale,
                   std::size_t n, std::size_t d) override;
  void standardise_bwd(void* grad_x_data, const void* grad_y_data, const float* scale,
                       std::size_t n, std::size_t d) override;
  void dropout(void* values_data, const DropoutBatch* batch, std::size_t count,
               const DropoutParams& params) override;
  void softmax_cross_entropy(float* losses, void* grad_logits_data, const void* logits_data,
                             const float* targets, std::size_t n, std::size_t k) override;

  void add_squares(double* total, const float* gradient, std::size_t count) override;
  void clip_factor(float* factor, const double* total, double max_norm) override;
  void adamw(float* parameters, float* first_moment, float* second_moment, const float* gradient,
             const float* factor, std::size_t count, const void* step,
             const AdamWRule& rule) override;
  void sgd(float* parameters, float* momentum, const float* gradient, const float* factor,
           std::size_t count, const void* step, const SgdRule& rule) override;

 private:
  // A scratch memory that only grows: one per thread, and shared ones for a whole operation.
  static std::byte* grown(HugeBuffer& buffer, std::size_t bytes);
  template <class T>
  T* shared(std::size_t index, std::size_t count) {
    return reinterpret_cast<T*>(grown(shared_[index], count * sizeof(T)));
  }

  WinogradFilters& filters(std::size_t in_channels, std::size_t out_channels);
  void convolve(const WinogradFilters& filters, const float* input, const OutputTransform& finish,
                std::size_t n, std::size_t in_channels);
  void conv1_forward(float* y, const float* x, const float* weights, const float* biases,
                     const Conv3x3Shape& shape);
  void conv1_backward(float* grad_weights, const float* grad_y, const float* x, GradientMode mode,
                      const Conv3x3Shape& shape);
  template <class Element>  // float, or std::uint32_t: two bf16
  void winograd_wgrad(float* grad_weights, const float* grad_y, const float* x, GradientMode mode,
                      const Conv3x3Shape& shape);
  void sum_over_rows(float* sums, const float* values, std::size_t rows, std::size_t columns,
                     GradientMode mode);

  static constexpr std::size_t kNumShared = 3;

  const Precision precision_;
  const Arithmetic arithmetic_;  // of Winograd's products
  Communicator& processes_;
  ThreadTeam team_;
  std::vector<HugeBuffer> scratch_;  // [threads]
  HugeBuffer shared_[kNumShared];
  // Of (inputs, outputs); their contents are of the last convolution that used them.
  std::map<std::pair<std::size_t, std::size_t>, WinogradFilters> filters_;
};

}  // namespace vggroove::cpu

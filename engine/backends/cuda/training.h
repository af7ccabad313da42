#pragma once

#include <array>
#include <cstdint>
#include <filesystem>
#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <string>

#include "engine/backends/cuda/bf16_copies.h"
#include "engine/backends/cuda/cudnn/plan_cache.h"
#include "engine/backends/cuda/cudnn_handle.h"
#include "engine/backends/cuda/dense.h"
#include "engine/backends/cuda/device_group.h"
#include "engine/backends/cuda/owners.h"
#include "engine/backends/cuda/staging.h"
#include "engine/backends/training_backend.h"

namespace vggroove::cuda {

struct CudaTrainingSettings {
  Precision precision = Precision::kFp32;
  std::string device_name;            // "cuda" or "sim", for description()
  std::filesystem::path plan_folder;  // as of CudaSettings
  Communicator* processes = &single_process();
  bool captures = true;  // repeated calls as CUDA graphs
};

// Training on device 0, or on the one of the process' rank on this machine: convolutions by cuDNN,
// dense layers by cuBLASLt, everything else by our kernels, all in one stream. Convolution weights
// lie as [out, 3, 3, in], dense weights as [in, out]. Scratch memory grows to what the largest call
// needed. Sums over examples are made in an order that depends on the shapes alone, so the same
// calls give the same bits. Sums over processes are NCCL's, in the same stream.
//
// With tf32 products round their factors. With bf16 activations and their gradients are bf16, and
// so are the copies of the weights that products read; parameters, their gradients, moments and
// losses are fp32, and so is every sum. Gradients of convolutions' weights come out of cuDNN
// rounded to bf16, those of dense weights do not.
class CudaTraining : public TrainingBackend {
 public:
  // A collective call. Throws Error(kDevice) where the device fails.
  explicit CudaTraining(const CudaTrainingSettings& settings);
  ~CudaTraining() override;

  std::string description() const override { return description_; }
  Precision precision() const override { return precision_; }

  DeviceMemory allocate(std::size_t bytes) override;
  void to_device(void* to, const void* host_from, std::size_t bytes) override;
  void to_host_sync(void* host_to, const void* from, std::size_t bytes) override;
  void fill_zero(void* to, std::size_t bytes) override;
  void synchronize() override;
  // Runs a sequence the first time, captures it the second, and replays the graph from then on.
  void repeat(const char* name, std::unique_ptr<CallSequence>& sequence,
              const std::function<void()>& calls) override;

  std::size_t activation_bytes() const override {
    return is_bf16() ? sizeof(BFloat16) : sizeof(float);
  }
  void activations_to_device(void* to, const float* host_from, std::size_t count) override;
  void activations_to_host_sync(float* host_to, const void* from, std::size_t count) override;

  Communicator& processes() const override { return processes_; }
  void all_reduce_sum(float* values, std::size_t count) override;

  void conv3x3_weights_to_device(float* to, const float* host_from,
                                 const Conv3x3Shape& shape) override;
  void conv3x3_weights_to_host_sync(float* host_to, const float* from,
                                    const Conv3x3Shape& shape) override;
  void conv3x3(void* y, const void* x, const float* weights, const float* biases,
               const Conv3x3Shape& shape) override;
  void conv3x3_dgrad(void* grad_x, const void* grad_y, const float* weights, const void* x,
                     bool x_is_relu, const Conv3x3Shape& shape) override;
  void conv3x3_wgrad(float* grad_weights, float* grad_biases, const void* grad_y, const void* x,
                     GradientMode mode, const Conv3x3Shape& shape) override;

  std::size_t maxpool2x2_cache_bytes(const MaxPoolShape& shape) const override;
  void maxpool2x2(void* y, void* cache, const void* x, const MaxPoolShape& shape) override;
  void maxpool2x2_bwd(void* grad_x, const void* grad_y, const void* cache,
                      const MaxPoolShape& shape) override;

  void dense_weights_to_device(float* to, const float* host_from, const DenseShape& shape) override;
  void dense_weights_to_host_sync(float* host_to, const float* from,
                                  const DenseShape& shape) override;
  void dense(void* y, const void* x, const float* weights, const float* biases, bool relu,
             const DenseShape& shape) override;
  void dense_dgrad(void* grad_x, const void* grad_y, const float* weights, const void* x,
                   bool x_is_relu, const DenseShape& shape) override;
  void dense_wgrad(float* grad_weights, float* grad_biases, const void* grad_y, const void* x,
                   GradientMode mode, const DenseShape& shape) override;

  void standardise(void* y, const void* x, const float* mean, const float* scale, std::size_t n,
                   std::size_t d) override;
  void standardise_bwd(void* grad_x, const void* grad_y, const float* scale, std::size_t n,
                       std::size_t d) override;
  void dropout(void* values, const DropoutBatch* batch, std::size_t count,
               const DropoutParams& params) override;
  void softmax_cross_entropy(float* losses, void* grad_logits, const void* logits,
                             const float* targets, std::size_t n, std::size_t k) override;

  void add_squares(double* total, const float* gradient, std::size_t count) override;
  void clip_factor(float* factor, const double* total, double max_norm) override;
  void optimiser_step_to_device(void* to, const OptimiserStep& step) override;
  void adamw(float* parameters, float* first_moment, float* second_moment, const float* gradient,
             const float* factor, std::size_t count, const void* step,
             const AdamWRule& rule) override;
  void sgd(float* parameters, float* momentum, const float* gradient, const float* factor,
           std::size_t count, const void* step, const SgdRule& rule) override;

 private:
  // What calls need for themselves, from one call to the next: a library's workspace, partial sums
  // and gradients on their way to be added up.
  enum Scratch { kWorkspace, kPartials, kGradients, kBiasGradients, kCasts, kNumScratches };
  void* scratch(Scratch which, std::size_t bytes);
  float* scratch_floats(Scratch which, std::size_t count) {
    return static_cast<float*>(scratch(which, count * sizeof(float)));
  }

  bool is_bf16() const { return precision_ == Precision::kBf16; }
  // body(float()) or body(BFloat16()): of the type of activations.
  template <class Body>
  void in_activation_type(Body&& body) const {
    if (is_bf16()) {
      body(BFloat16());
    } else {
      body(float());
    }
  }
  // Parameters as products read them, void* for the libraries' sake.
  void* operand(const float* parameters, std::size_t count);

  // The plan of a convolution, and its workspace.
  const cudnn::Plan& conv_plan(cudnn::ConvPass pass, const Conv3x3Shape& shape);
  void run_conv(cudnn::ConvPass pass, const Conv3x3Shape& shape,
                std::span<const cudnn::Plan::Binding> tensors);
  // Null where cuBLASLt has no such product.
  const DensePlan* find_dense_plan(const DenseProduct& product);
  void run_dense(const DenseProduct& product, const DensePlan::Operands& operands, bool accumulate);
  void sum_biases(float* grad_biases, const void* grad_y, GradientMode mode, std::size_t rows,
                  std::size_t channels);
  // grad [count] = 0 where the output x of a ReLU is 0
  void close_relus(void* grad, const void* x, std::size_t count);

  int device_;
  std::string description_;
  Precision precision_;
  Communicator& processes_;
  bool captures_;
  // Grows with everything that moves or goes away, and with every copy of weights that comes: what
  // graphs of before would still use, or not yet write.
  std::uint64_t generation_ = 0;
  CudaStream stream_;
  std::unique_ptr<DeviceGroup> group_;  // of one process: null
  CudnnHandle cudnn_;
  CublasLtHandle cublaslt_;
  cudnn::PlanCache plans_;
  StagedCopies copies_;
  Bf16Copies rounded_;  // of parameters; empty unless is_bf16()
  std::array<DeviceBuffer, kNumScratches> scratches_;
  // By pass and sizes: the cache's own keys are texts.
  std::map<std::array<std::size_t, 6>, std::shared_ptr<const cudnn::Plan>> conv_plans_;
  std::map<std::array<std::size_t, 6>, std::optional<DensePlan>> dense_plans_;
};

}  // namespace vggroove::cuda

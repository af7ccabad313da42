#pragma once

#include <cstddef>
#include <cstdint>
#include <functional>
#include <memory>
#include <string>
#include <utility>

#include "engine/device/communicator.h"
#include "engine/device/device.h"
#include "engine/heads/dense_layer.h"
#include "kernels/nn/dropout.h"

namespace vggroove {

// Owns memory of a device. Only the backend that gave it may look inside; others hand pointers into
// it back to that backend. The backend must outlive it.
class DeviceMemory {
 public:
  DeviceMemory() = default;
  DeviceMemory(void* data, std::size_t bytes, std::function<void()> release)
      : data_(data), bytes_(bytes), release_(std::move(release)) {}
  DeviceMemory(DeviceMemory&& other) noexcept { *this = std::move(other); }
  DeviceMemory& operator=(DeviceMemory&& other) noexcept {
    std::swap(data_, other.data_);
    std::swap(bytes_, other.bytes_);
    std::swap(release_, other.release_);
    return *this;
  }
  ~DeviceMemory() {
    if (release_) {
      release_();
    }
  }

  template <class T>
  T* as() const {
    return static_cast<T*>(data_);
  }
  std::size_t bytes() const { return bytes_; }

 private:
  void* data_ = nullptr;
  std::size_t bytes_ = 0;
  std::function<void()> release_;
};

// Whether a gradient replaces what is there or is added to it (gradient accumulation).
enum class GradientMode { kOverwrite, kAccumulate };

// n images, NHWC; 3x3 taps, stride 1, zeros around the image.
struct Conv3x3Shape {
  std::size_t n = 0, height = 0, width = 0;
  std::size_t in_channels = 0, out_channels = 0;

  std::size_t input_count() const { return n * height * width * in_channels; }
  std::size_t output_count() const { return n * height * width * out_channels; }
  std::size_t weights_count() const { return 9 * in_channels * out_channels; }
};

// n images of even height and width (before pooling), NHWC; channels a multiple of 8.
struct MaxPoolShape {
  std::size_t n = 0, height = 0, width = 0, channels = 0;

  std::size_t input_count() const { return n * height * width * channels; }
  std::size_t output_count() const { return input_count() / 4; }
};

// AdamW (Loshchilov and Hutter 2019), the arithmetic of torch.optim.AdamW, with lr the step's
// learning rate times learning_rate_scale:
//   p *= 1 - lr * weight_decay;  m += (1 - beta1) (g - m);  v += (1 - beta2) (g^2 - v)
//   p -= lr / (1 - beta1^step) * m / (sqrt(v / (1 - beta2^step)) + epsilon)
struct AdamWRule {
  double learning_rate_scale = 1, weight_decay = 0;
  double beta1 = 0.9, beta2 = 0.999, epsilon = 1e-8;
};

// SGD with momentum, the arithmetic of torch.optim.SGD (weight decay is added to the gradient, not
// decoupled): g += weight_decay p;  b = momentum b + g;  p -= lr b
// At the first step b is 0, so that it becomes g.
struct SgdRule {
  double learning_rate_scale = 1, weight_decay = 0, momentum = 0.9;
};

// What changes from step to step. The optimisers read it in the device's memory.
struct OptimiserStep {
  double learning_rate = 0;
  double bias_correction1 = 1, bias_correction2 = 1;  // of AdamW: 1 - beta^step
};
// `step` counts from 1.
OptimiserStep optimiser_step(double learning_rate, std::int64_t step, const AdamWRule& rule = {});

// A sequence of calls as a backend keeps it, to make them again in less time.
class CallSequence {
 public:
  virtual ~CallSequence() = default;
};

// What a device does for training: forward and backward of every layer, the loss, the optimiser.
// The network, the trainer and their tests are written once against this.
//
// Pointers are to memory of this device, except those named host_*. Activations, and the gradients
// of them, are NHWC and [n, features], dense, row-major; void* in what follows, for their number
// type is the backend's choice: only activations_to_device and activations_to_host_sync know it.
// Biases are [out]. Weights, their gradients and their moments lie in
// a layout of the backend's own choice, a permutation of the canonical one: only the
// *_weights_to_device and *_weights_to_host functions know it, everything else that sees all
// elements of a parameter is element-wise. Arrays start at multiples of 256 bytes from the
// beginning of an allocation.
//
// Calls take effect in the order in which they are made; only synchronize() and those named _sync
// wait for the device. The same calls give the same bits on the same device (and machine), whatever
// its number of threads. An example's activations do not depend on the other examples of its batch,
// though the number of them may decide by which kernels they are computed. Calls are made from one
// thread at a time. Any call may throw OutOfDeviceMemory (engine/device/out_of_device_memory.h):
// what it was to write is then undefined, and the backend can be used further.
//
// Real is float for devices, double for the reference that gradient checks run on.
template <class Real>
class BasicTrainingBackend {
 public:
  virtual ~BasicTrainingBackend() = default;
  virtual std::string description() const = 0;  // "cpu (AVX-512, fp32, 2 threads)"
  // Of the products; parameters, their gradients and moments are Real whatever it is.
  virtual Precision precision() const { return Precision::kFp32; }

  // Zeroed. Throws OutOfDeviceMemory, or Error(kIo) of the host, where there is no such memory.
  virtual DeviceMemory allocate(std::size_t bytes) = 0;
  virtual void to_device(void* to, const void* host_from, std::size_t bytes) = 0;
  virtual void to_host_sync(void* host_to, const void* from, std::size_t bytes) = 0;
  virtual void fill_zero(void* to, std::size_t bytes) = 0;
  virtual void synchronize() = 0;

  // Makes `calls`: functions of this backend without allocate, synchronize, and those named
  // *_to_device and *_sync. A sequence, null at first, stands for always the same calls, with the
  // same pointers and numbers: only what memory holds may differ from time to time. So a device may
  // record them and repeat the record instead. `name` is for profilers.
  virtual void repeat(const char* /*name*/, std::unique_ptr<CallSequence>& /*sequence*/,
                      const std::function<void()>& calls) {
    calls();
  }

  // Of one activation.
  virtual std::size_t activation_bytes() const { return sizeof(Real); }
  // Activations [count] <-> Real, rounded where they are narrower.
  virtual void activations_to_device(void* to, const Real* host_from, std::size_t count) {
    to_device(to, host_from, count * sizeof(Real));
  }
  virtual void activations_to_host_sync(Real* host_to, const void* from, std::size_t count) {
    to_host_sync(host_to, from, count * sizeof(Real));
  }

  // The processes that train together, each on a device of its own.
  virtual Communicator& processes() const { return single_process(); }
  // values [count] = their sum over all processes, a collective call (communicator.h).
  virtual void all_reduce_sum(Real* values, std::size_t count) = 0;

  // Canonical HWIO [3, 3, in, out] <-> the backend's layout, of weights, gradients and moments;
  // shape.n does not matter. Throws Error(kUsage) for a shape that the backend cannot compute.
  virtual void conv3x3_weights_to_device(Real* to, const Real* host_from,
                                         const Conv3x3Shape& shape) = 0;
  virtual void conv3x3_weights_to_host_sync(Real* host_to, const Real* from,
                                            const Conv3x3Shape& shape) = 0;
  // y [n, h, w, out] = max(0, convolution of x [n, h, w, in] + biases)
  virtual void conv3x3(void* y, const void* x, const Real* weights, const Real* biases,
                       const Conv3x3Shape& shape) = 0;
  // Overwrites grad_x from the gradient of the convolution's sums: whoever made grad_y has set it
  // to 0 where the ReLU was closed. With x_is_relu x is the output of a ReLU, and the same is done
  // for it: grad_x is 0 where x is 0. Not called for one input channel.
  virtual void conv3x3_dgrad(void* grad_x, const void* grad_y, const Real* weights, const void* x,
                             bool x_is_relu, const Conv3x3Shape& shape) = 0;
  virtual void conv3x3_wgrad(Real* grad_weights, Real* grad_biases, const void* grad_y,
                             const void* x, GradientMode mode, const Conv3x3Shape& shape) = 0;

  // y [n, h/2, w/2, c] = the largest of each 2x2 of x, the output of a ReLU; `cache` of this many
  // bytes receives what the backward pass needs to know.
  virtual std::size_t maxpool2x2_cache_bytes(const MaxPoolShape& shape) const = 0;
  virtual void maxpool2x2(void* y, void* cache, const void* x, const MaxPoolShape& shape) = 0;
  // Overwrites grad_x [n, h, w, c] with the gradient before that ReLU: grad_y at the place of the
  // largest value (the first of equal ones, row by row) where it is above 0, else 0.
  virtual void maxpool2x2_bwd(void* grad_x, const void* grad_y, const void* cache,
                              const MaxPoolShape& shape) = 0;

  // Canonical [in, out] <-> the backend's layout; shape.n does not matter.
  virtual void dense_weights_to_device(Real* to, const Real* host_from,
                                       const DenseShape& shape) = 0;
  virtual void dense_weights_to_host_sync(Real* host_to, const Real* from,
                                          const DenseShape& shape) = 0;
  // y [n, out] = x [n, in] weights + biases, then max(0, y) with relu
  virtual void dense(void* y, const void* x, const Real* weights, const Real* biases, bool relu,
                     const DenseShape& shape) = 0;
  // grad_y is the gradient before the layer's own ReLU; grad_x and x_is_relu as in conv3x3_dgrad.
  virtual void dense_dgrad(void* grad_x, const void* grad_y, const Real* weights, const void* x,
                           bool x_is_relu, const DenseShape& shape) = 0;
  virtual void dense_wgrad(Real* grad_weights, Real* grad_biases, const void* grad_y, const void* x,
                           GradientMode mode, const DenseShape& shape) = 0;

  // y [n, d] = (x - mean) * scale, mean and scale [d]; and grad_x = grad_y * scale, overwritten.
  virtual void standardise(void* y, const void* x, const Real* mean, const Real* scale,
                           std::size_t n, std::size_t d) = 0;
  virtual void standardise_bwd(void* grad_x, const void* grad_y, const Real* scale, std::size_t n,
                               std::size_t d) = 0;

  // Multiplies values [count] by 0 or 1 / (1 - drop_probability), in place: forward and backward
  // are the same call. Which ones fall is defined in kernels/nn/dropout.h, so that every device
  // drops the same units, and a part of a batch those that the whole batch would.
  // batch [1] on the device, written by to_device.
  virtual void dropout(void* values, const DropoutBatch* batch, std::size_t count,
                       const DropoutParams& params) = 0;

  // losses [n] = -sum_k targets log softmax(logits), and grad_logits [n, k] of their sum. targets
  // [n, k] >= 0 need not add up to 1: label smoothing, mixup, class weights and the division by the
  // batch are in them. grad_logits may be logits.
  virtual void softmax_cross_entropy(Real* losses, void* grad_logits, const void* logits,
                                     const Real* targets, std::size_t n, std::size_t k) = 0;

  // total [1] += sum of the squares of gradient [count]
  virtual void add_squares(double* total, const Real* gradient, std::size_t count) = 0;
  // factor [1] = min(1, max_norm / (sqrt(total) + 1e-6)), as torch.nn.utils.clip_grad_norm_
  virtual void clip_factor(Real* factor, const double* total, double max_norm) = 0;
  // Writes a step where adamw and sgd read it: to [sizeof(OptimiserStep)] bytes.
  virtual void optimiser_step_to_device(void* to, const OptimiserStep& step) {
    to_device(to, &step, sizeof step);
  }
  // Every gradient is multiplied by factor [1] first; null: by 1.
  virtual void adamw(Real* parameters, Real* first_moment, Real* second_moment,
                     const Real* gradient, const Real* factor, std::size_t count, const void* step,
                     const AdamWRule& rule) = 0;
  virtual void sgd(Real* parameters, Real* momentum, const Real* gradient, const Real* factor,
                   std::size_t count, const void* step, const SgdRule& rule) = 0;
};

using TrainingBackend = BasicTrainingBackend<float>;

}  // namespace vggroove

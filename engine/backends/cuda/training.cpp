#include "engine/backends/cuda/training.h"

#include <cmath>
#include <cstddef>
#include <utility>

#include "engine/backends/cuda/check.h"
#include "engine/backends/cuda/device_name.h"
#include "kernels/nn/bias_grad.h"
#include "kernels/nn/dropout.h"
#include "kernels/nn/layout.h"
#include "kernels/nn/maxpool2x2.h"
#include "kernels/nn/pointwise.h"
#include "kernels/nn/pool_codes.h"
#include "kernels/nn/softmax_xent.h"
#include "kernels/optim/adamw.h"
#include "kernels/optim/global_norm.h"
#include "kernels/optim/sgd.h"

#include <nvtx3/nvtx3.hpp>

namespace vggroove::cuda {
namespace {

std::int64_t as_count(std::size_t count) {
  return static_cast<std::int64_t>(count);
}

Pool2x2Shape kernel_shape(const MaxPoolShape& shape) {
  return {as_count(shape.n), static_cast<int>(shape.height), static_cast<int>(shape.width),
          static_cast<int>(shape.channels)};
}

// Calls run as they are until nothing has to be made for them any more: plans, scratch memory, what
// libraries load. A capture forbids all that.
struct CapturedCalls : CallSequence {
  bool ran = false;
  std::uint64_t generation = 0;  // of the backend's, when they ran
  CudaGraph graph;
};

}  // namespace

CudaTraining::CudaTraining(const CudaTrainingSettings& settings)
    : device_(take_device(settings.processes->local_rank())),
      description_(describe_device(settings.device_name, device_)),
      precision_(settings.precision),
      processes_(*settings.processes),
      captures_(settings.captures),
      group_(processes_.size() > 1 ? join_devices(processes_) : nullptr),
      cudnn_(stream_),
      plans_(cudnn::DeviceProperties::of_device(device_), settings.plan_folder) {}

// Memory is given back only when nothing works on it any more.
CudaTraining::~CudaTraining() {
  group_.reset();  // where sums of it wait for processes that failed, it ends them
  cudaStreamSynchronize(stream_.get());  // a lost device has nothing left to wait for
}

DeviceMemory CudaTraining::allocate(std::size_t bytes) {
  auto buffer = std::make_unique<DeviceBuffer>(bytes);
  void* const data = buffer->data();
  fill_zero(data, bytes);
  return {data, bytes, [this, owner = buffer.release()] {
            ++generation_;
            rounded_.freed(owner->data(), owner->bytes());
            delete owner;
          }};
}

void CudaTraining::to_device(void* to, const void* host_from, std::size_t bytes) {
  copies_.to_device(stream_, to, host_from, bytes);
  rounded_.written(stream_, to, bytes);
}
void CudaTraining::to_host_sync(void* host_to, const void* from, std::size_t bytes) {
  if (group_) {
    group_->wait_for(stream_);
  }
  copies_.to_host_sync(stream_, host_to, from, bytes);
}
void CudaTraining::fill_zero(void* to, std::size_t bytes) {
  if (bytes > 0) {
    VGGROOVE_CUDA(cudaMemsetAsync(to, 0, bytes, stream_.get()));
    rounded_.written(stream_, to, bytes);
  }
}
void CudaTraining::synchronize() {
  if (group_) {
    group_->wait_for(stream_);
  }
  stream_.synchronize();
}

void CudaTraining::repeat(const char* name, std::unique_ptr<CallSequence>& sequence,
                          const std::function<void()>& calls) {
  const nvtx3::scoped_range range(name);
  if (!captures_) {
    calls();
    return;
  }
  if (sequence == nullptr) {
    sequence = std::make_unique<CapturedCalls>();
  }
  auto& captured = static_cast<CapturedCalls&>(*sequence);
  if (!captured.ran || captured.generation != generation_) {
    captured = {};
    calls();
    captured.ran = true;
    captured.generation = generation_;  // the calls may have moved scratch memory
    return;
  }
  if (!captured.graph) {
    captured.graph = CudaGraph(stream_, calls);
  }
  captured.graph.launch(stream_);
}

void CudaTraining::activations_to_device(void* to, const float* host_from, std::size_t count) {
  float* const values = is_bf16() ? scratch_floats(kCasts, count) : static_cast<float*>(to);
  to_device(values, host_from, count * sizeof(float));
  if (is_bf16()) {
    cast(stream_.get(), static_cast<BFloat16*>(to), values, as_count(count));
  }
}
void CudaTraining::activations_to_host_sync(float* host_to, const void* from, std::size_t count) {
  if (is_bf16()) {
    float* const values = scratch_floats(kCasts, count);
    cast(stream_.get(), values, static_cast<const BFloat16*>(from), as_count(count));
    from = values;
  }
  to_host_sync(host_to, from, count * sizeof(float));
}

void CudaTraining::all_reduce_sum(float* values, std::size_t count) {
  if (group_) {
    group_->all_reduce_sum(values, count, stream_);
  }
}

// cudaFree waits for the kernels that still use the old memory.
void* CudaTraining::scratch(Scratch which, std::size_t bytes) {
  DeviceBuffer& buffer = scratches_[which];
  if (buffer.bytes() < bytes) {
    ++generation_;
    buffer = DeviceBuffer();  // before the larger one is there
    buffer = DeviceBuffer(bytes);
  }
  return buffer.data();
}

std::size_t CudaTraining::maxpool2x2_cache_bytes(const MaxPoolShape& shape) const {
  return static_cast<std::size_t>(pool_code_bytes(as_count(shape.output_count())));
}

void CudaTraining::maxpool2x2(void* y, void* cache, const void* x, const MaxPoolShape& shape) {
  in_activation_type([&](auto type) {
    using T = decltype(type);
    vggroove::maxpool2x2(stream_.get(), static_cast<T*>(y), static_cast<std::uint8_t*>(cache),
                         static_cast<const T*>(x), nullptr, kernel_shape(shape));
  });
}

void CudaTraining::maxpool2x2_bwd(void* grad_x, const void* grad_y, const void* cache,
                                  const MaxPoolShape& shape) {
  in_activation_type([&](auto type) {
    using T = decltype(type);
    const auto floats =
        static_cast<std::size_t>(maxpool2x2_bwd_workspace_floats<T>(kernel_shape(shape)));
    vggroove::maxpool2x2_bwd(stream_.get(), static_cast<T*>(grad_x),
                             scratch_floats(kBiasGradients, shape.channels),
                             static_cast<const T*>(grad_y), static_cast<const std::uint8_t*>(cache),
                             scratch_floats(kPartials, floats), kernel_shape(shape));
  });
}

void* CudaTraining::operand(const float* parameters, std::size_t count) {
  if (!is_bf16()) {
    return const_cast<float*>(parameters);
  }
  if (rounded_.find(parameters, count) == nullptr) {
    ++generation_;
  }
  return rounded_.of(stream_, parameters, count);
}

void CudaTraining::sum_biases(float* grad_biases, const void* grad_y, GradientMode mode,
                              std::size_t rows, std::size_t channels) {
  const auto floats = static_cast<std::size_t>(
      bias_grad_workspace_floats(as_count(rows), static_cast<int>(channels)));
  float* const partials = scratch_floats(kPartials, floats);
  const bool adds = mode == GradientMode::kAccumulate;
  float* const sums = adds ? scratch_floats(kBiasGradients, channels) : grad_biases;
  in_activation_type([&](auto type) {
    bias_grad(stream_.get(), sums, static_cast<const decltype(type)*>(grad_y), partials,
              as_count(rows), static_cast<int>(channels));
  });
  if (adds) {
    accumulate(stream_.get(), grad_biases, sums, as_count(channels));
  }
}

void CudaTraining::close_relus(void* grad, const void* x, std::size_t count) {
  in_activation_type([&](auto type) {
    using T = decltype(type);
    relu_bwd(stream_.get(), static_cast<T*>(grad), static_cast<const T*>(x), as_count(count));
  });
}

void CudaTraining::standardise(void* y, const void* x, const float* mean, const float* scale,
                               std::size_t n, std::size_t d) {
  in_activation_type([&](auto type) {
    using T = decltype(type);
    vggroove::standardise(stream_.get(), static_cast<T*>(y), static_cast<const T*>(x), mean, scale,
                          as_count(n), static_cast<int>(d));
  });
}
void CudaTraining::standardise_bwd(void* grad_x, const void* grad_y, const float* scale,
                                   std::size_t n, std::size_t d) {
  in_activation_type([&](auto type) {
    using T = decltype(type);
    vggroove::standardise_bwd(stream_.get(), static_cast<T*>(grad_x), static_cast<const T*>(grad_y),
                              scale, as_count(n), static_cast<int>(d));
  });
}

void CudaTraining::dropout(void* values, const DropoutBatch* batch, std::size_t count,
                           const DropoutParams& params) {
  in_activation_type([&](auto type) {
    auto* const typed = static_cast<decltype(type)*>(values);
    vggroove::dropout(stream_.get(), typed, typed, batch, as_count(count), params);
  });
}

void CudaTraining::softmax_cross_entropy(float* losses, void* grad_logits, const void* logits,
                                         const float* targets, std::size_t n, std::size_t k) {
  in_activation_type([&](auto type) {
    using T = decltype(type);
    softmax_xent(stream_.get(), losses, static_cast<T*>(grad_logits), static_cast<const T*>(logits),
                 targets, {as_count(n), static_cast<int>(k)});
  });
}

void CudaTraining::add_squares(double* total, const float* gradient, std::size_t count) {
  const GradTensor tensor{.grad = gradient, .count = as_count(count)};
  const std::span tensors(&tensor, 1);
  const auto floats = static_cast<std::size_t>(add_squares_workspace_floats(tensors));
  vggroove::add_squares(stream_.get(), total, tensors, scratch_floats(kPartials, floats));
}

void CudaTraining::clip_factor(float* factor, const double* total, double max_norm) {
  vggroove::clip_factor(stream_.get(), factor, total, max_norm);
}

// As the kernels of both optimisers read it: that of SGD the learning rate alone.
void CudaTraining::optimiser_step_to_device(void* to, const OptimiserStep& step) {
  static_assert(sizeof(AdamwStep) <= sizeof(OptimiserStep) &&
                offsetof(AdamwStep, learning_rate) == 0);
  const AdamwStep values{static_cast<float>(step.learning_rate),
                         static_cast<float>(step.bias_correction1),
                         static_cast<float>(std::sqrt(step.bias_correction2))};
  to_device(to, &values, sizeof values);
}

void CudaTraining::adamw(float* parameters, float* first_moment, float* second_moment,
                         const float* gradient, const float* factor, std::size_t count,
                         const void* step, const AdamWRule& rule) {
  const AdamwTensor tensor{.parameter = parameters,
                           .first_moment = first_moment,
                           .second_moment = second_moment,
                           .grad = gradient,
                           .parameter_bf16 = rounded_.find(parameters, count),
                           .count = as_count(count),
                           .learning_rate_scale = static_cast<float>(rule.learning_rate_scale),
                           .weight_decay = static_cast<float>(rule.weight_decay)};
  vggroove::adamw(stream_.get(), {&tensor, 1}, static_cast<const AdamwStep*>(step), factor,
                  {.beta1 = rule.beta1, .beta2 = rule.beta2, .epsilon = rule.epsilon});
}

void CudaTraining::sgd(float* parameters, float* momentum, const float* gradient,
                       const float* factor, std::size_t count, const void* step,
                       const SgdRule& rule) {
  const SgdTensor tensor{.parameter = parameters,
                         .momentum_buffer = momentum,
                         .grad = gradient,
                         .parameter_bf16 = rounded_.find(parameters, count),
                         .count = as_count(count),
                         .learning_rate_scale = static_cast<float>(rule.learning_rate_scale),
                         .weight_decay = static_cast<float>(rule.weight_decay)};
  vggroove::sgd(stream_.get(), {&tensor, 1}, &static_cast<const AdamwStep*>(step)->learning_rate,
                factor, static_cast<float>(rule.momentum));
}

}  // namespace vggroove::cuda

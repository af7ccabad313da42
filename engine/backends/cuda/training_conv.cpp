// Convolutions of CudaTraining. What cuDNN has no precompiled engine for, the ReLU's backward pass
// and adding to a gradient, follows it as a kernel of ours.
#include "engine/backends/cuda/training.h"
#include "kernels/nn/layout.h"
#include "kernels/nn/pointwise.h"

namespace vggroove::cuda {
namespace {

using cudnn::ConvPass;

// cuDNN takes what it reads as void* too.
void* readable(const void* data) {
  return const_cast<void*>(data);
}

}  // namespace

void CudaTraining::conv3x3_weights_to_device(float* to, const float* host_from,
                                             const Conv3x3Shape& shape) {
  float* const hwio = scratch_floats(kGradients, shape.weights_count());
  to_device(hwio, host_from, shape.weights_count() * sizeof(float));
  hwio_to_krsc(stream_.get(), to, hwio, 9, static_cast<int>(shape.in_channels),
               static_cast<int>(shape.out_channels));
  rounded_.written(stream_, to, shape.weights_count() * sizeof(float));
}

void CudaTraining::conv3x3_weights_to_host_sync(float* host_to, const float* from,
                                                const Conv3x3Shape& shape) {
  float* const hwio = scratch_floats(kGradients, shape.weights_count());
  krsc_to_hwio(stream_.get(), hwio, from, 9, static_cast<int>(shape.in_channels),
               static_cast<int>(shape.out_channels));
  to_host_sync(host_to, hwio, shape.weights_count() * sizeof(float));
}

const cudnn::Plan& CudaTraining::conv_plan(ConvPass pass, const Conv3x3Shape& shape) {
  auto& plan = conv_plans_[{static_cast<std::size_t>(pass), shape.n, shape.height, shape.width,
                            shape.in_channels, shape.out_channels}];
  if (!plan) {
    const cudnn::ConvShape sizes{.n = static_cast<std::int64_t>(shape.n),
                                 .h = static_cast<std::int64_t>(shape.height),
                                 .w = static_cast<std::int64_t>(shape.width),
                                 .c = static_cast<std::int64_t>(shape.in_channels),
                                 .k = static_cast<std::int64_t>(shape.out_channels)};
    const cudnn::MathMode math = math_mode(precision_);
    plan = plans_.get(cudnn::conv_graph("training", pass, sizes, math), {.math = math});
  }
  return *plan;
}

void CudaTraining::run_conv(ConvPass pass, const Conv3x3Shape& shape,
                            std::span<const cudnn::Plan::Binding> tensors) {
  const cudnn::Plan& plan = conv_plan(pass, shape);
  void* const workspace = scratch(kWorkspace, static_cast<std::size_t>(plan.workspace_bytes()));
  plan.run(cudnn_.get(), tensors, workspace);
}

void CudaTraining::conv3x3(void* y, const void* x, const float* weights, const float* biases,
                           const Conv3x3Shape& shape) {
  const std::array<cudnn::Plan::Binding, 4> tensors{
      {{cudnn::kUidX, readable(x)},
       {cudnn::kUidWeight, operand(weights, shape.weights_count())},
       {cudnn::kUidBias, operand(biases, shape.out_channels)},
       {cudnn::kUidY, y}}};
  run_conv(ConvPass::kFprop, shape, tensors);
}

void CudaTraining::conv3x3_dgrad(void* grad_x, const void* grad_y, const float* weights,
                                 const void* x, bool x_is_relu, const Conv3x3Shape& shape) {
  const std::array<cudnn::Plan::Binding, 3> tensors{
      {{cudnn::kUidGradY, readable(grad_y)},
       {cudnn::kUidWeight, operand(weights, shape.weights_count())},
       {cudnn::kUidGradX, grad_x}}};
  run_conv(ConvPass::kDgrad, shape, tensors);
  if (x_is_relu) {
    close_relus(grad_x, x, shape.input_count());
  }
}

// With bf16 cuDNN writes bf16 only: the result is widened behind it.
void CudaTraining::conv3x3_wgrad(float* grad_weights, float* grad_biases, const void* grad_y,
                                 const void* x, GradientMode mode, const Conv3x3Shape& shape) {
  const bool adds = mode == GradientMode::kAccumulate;
  const std::size_t count = shape.weights_count();
  void* const result = adds || is_bf16() ? scratch(kGradients, count * activation_bytes())
                                         : static_cast<void*>(grad_weights);
  const std::array<cudnn::Plan::Binding, 3> tensors{{{cudnn::kUidX, readable(x)},
                                                     {cudnn::kUidGradY, readable(grad_y)},
                                                     {cudnn::kUidGradWeight, result}}};
  run_conv(ConvPass::kWgrad, shape, tensors);
  in_activation_type([&](auto type) {
    const auto* const values = static_cast<const decltype(type)*>(result);
    if (adds) {
      accumulate(stream_.get(), grad_weights, values, static_cast<std::int64_t>(count));
    } else if (is_bf16()) {
      cast(stream_.get(), grad_weights, values, static_cast<std::int64_t>(count));
    }
  });
  sum_biases(grad_biases, grad_y, mode, shape.output_count() / shape.out_channels,
             shape.out_channels);
}

}  // namespace vggroove::cuda

// Convolutions of CudaTraining. What cuDNN has no precompiled engine for, the ReLU's backward pass
// and adding to a gradient, follows it as a kernel of ours.
#include <algorithm>

#include "engine/backends/cuda/training.h"
#include "kernels/nn/layout.h"
#include "kernels/nn/pointwise.h"

namespace vggroove::cuda {
namespace {

using cudnn::ConvPass;

// cuDNN takes operands as void*, whether it writes them or not.
void* operand(const float* data) {
  return const_cast<float*>(data);
}

}  // namespace

void CudaTraining::conv3x3_weights_to_device(float* to, const float* host_from,
                                             const Conv3x3Shape& shape) {
  float* const hwio = scratch_floats(kGradients, shape.weights_count());
  to_device(hwio, host_from, shape.weights_count() * sizeof(float));
  hwio_to_krsc(stream_.get(), to, hwio, 9, static_cast<int>(shape.in_channels),
               static_cast<int>(shape.out_channels));
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
    const auto math =
        precision_ == Precision::kTf32 ? cudnn::MathMode::kTf32 : cudnn::MathMode::kFp32;
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

void CudaTraining::conv3x3(float* y, const float* x, const float* weights, const float* biases,
                           const Conv3x3Shape& shape) {
  const std::array<cudnn::Plan::Binding, 4> tensors{{{cudnn::kUidX, operand(x)},
                                                     {cudnn::kUidWeight, operand(weights)},
                                                     {cudnn::kUidBias, operand(biases)},
                                                     {cudnn::kUidY, y}}};
  run_conv(ConvPass::kFprop, shape, tensors);
}

void CudaTraining::conv3x3_dgrad(float* grad_x, const float* grad_y, const float* weights,
                                 const float* x, bool x_is_relu, const Conv3x3Shape& shape) {
  const std::array<cudnn::Plan::Binding, 3> tensors{{{cudnn::kUidGradY, operand(grad_y)},
                                                     {cudnn::kUidWeight, operand(weights)},
                                                     {cudnn::kUidGradX, grad_x}}};
  run_conv(ConvPass::kDgrad, shape, tensors);
  if (x_is_relu) {
    relu_bwd(stream_.get(), grad_x, x, static_cast<std::int64_t>(shape.input_count()));
  }
}

void CudaTraining::conv3x3_wgrad(float* grad_weights, float* grad_biases, const float* grad_y,
                                 const float* x, GradientMode mode, const Conv3x3Shape& shape) {
  const bool adds = mode == GradientMode::kAccumulate;
  float* const result = adds ? scratch_floats(kGradients, shape.weights_count()) : grad_weights;
  const std::array<cudnn::Plan::Binding, 3> tensors{{{cudnn::kUidX, operand(x)},
                                                     {cudnn::kUidGradY, operand(grad_y)},
                                                     {cudnn::kUidGradWeight, result}}};
  run_conv(ConvPass::kWgrad, shape, tensors);
  if (adds) {
    accumulate(stream_.get(), grad_weights, result,
               static_cast<std::int64_t>(shape.weights_count()));
  }
  sum_biases(grad_biases, grad_y, mode, shape.output_count() / shape.out_channels,
             shape.out_channels);
}

}  // namespace vggroove::cuda

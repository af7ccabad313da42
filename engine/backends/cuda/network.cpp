#include "engine/backends/cuda/network.h"

#include <string>
#include <utility>
#include <variant>

#include "engine/backends/cuda/cudnn_handle.h"
#include "engine/backends/cuda/weight_upload.h"

namespace vggroove::cuda {
namespace {

struct Counts {
  std::size_t weights, biases;
};

Counts counts_of(const VggishLayer& layer) {
  if (const auto* const conv = std::get_if<Conv3x3Spec>(&layer.spec)) {
    return {9 * conv->in_channels * conv->out_channels, conv->out_channels};
  }
  const auto& dense = std::get<DenseSpec>(layer.spec);
  return {dense.inputs * dense.outputs, dense.outputs};
}

bool is_conv1(const VggishLayer& layer) {
  const auto* const conv = std::get_if<Conv3x3Spec>(&layer.spec);
  return conv != nullptr && conv->in_channels == 1;
}

bool is_embedding(const VggishLayer& layer) {
  const auto* const dense = std::get_if<DenseSpec>(&layer.spec);
  return dense != nullptr && !dense->relu;
}

void upload(WeightUpload& upload, const DeviceArena& arena, const DeviceLayer& on_device,
            const TensorReader& tensors) {
  const VggishLayer& layer = *on_device.layer;
  const std::string scope = "vggish/" + std::string(layer.name);
  const WeightReader weights = [&](std::int64_t first, std::span<float> out) {
    tensors(scope + "/weights", first, out);
  };
  const WeightReader biases = [&](std::int64_t first, std::span<float> out) {
    tensors(scope + "/biases", first, out);
  };
  const Counts counts = counts_of(layer);
  auto* const weight = arena.at<std::byte>(on_device.weight);
  auto* const bias = arena.at<std::byte>(on_device.bias);
  if (is_conv1(layer)) {
    upload.fp32(weight, weights, counts.weights);
    upload.fp32(bias, biases, counts.biases);
    return;
  }
  if (const auto* const conv = std::get_if<Conv3x3Spec>(&layer.spec)) {
    upload.filters(weight, weights, *conv);
  } else {
    upload.tensor(weight, weights, counts.weights);
  }
  if (is_embedding(layer)) {
    upload.fp32(bias, biases, counts.biases);
  } else {
    upload.tensor(bias, biases, counts.biases);
  }
}

}  // namespace

Network::Network(const TensorReader& tensors, Precision precision, cudnn::DeviceProperties device,
                 std::filesystem::path plan_folder)
    : precision_(precision), plans_(std::move(device), std::move(plan_folder)) {
  for (const VggishLayer& layer : vggish_layers()) {
    const Counts counts = counts_of(layer);
    const std::size_t weight_size = is_conv1(layer) ? sizeof(float) : weight_bytes(precision);
    const std::size_t bias_size = is_embedding(layer) ? sizeof(float) : weight_size;
    layers_.push_back({&layer, arena_.reserve(counts.weights * weight_size),
                       arena_.reserve(counts.biases * bias_size)});
  }
  arena_.allocate();
  WeightUpload uploading(precision);
  for (const DeviceLayer& layer : layers_) {
    upload(uploading, arena_, layer, tensors);
  }
  uploading.wait();
}

std::shared_ptr<const cudnn::Plan> Network::conv_plan(const VggishLayer& layer,
                                                      std::size_t n) const {
  const auto& conv = std::get<Conv3x3Spec>(layer.spec);
  const cudnn::ConvShape shape{
      .n = static_cast<std::int64_t>(n),
      .h = static_cast<std::int64_t>(conv.height),
      .w = static_cast<std::int64_t>(conv.width),
      .c = static_cast<std::int64_t>(conv.in_channels),
      .k = static_cast<std::int64_t>(conv.out_channels),
  };
  const cudnn::MathMode math = math_mode(precision_);
  return plans_.get(cudnn::conv_graph(layer.name, cudnn::ConvPass::kFprop, shape, math),
                    {.math = math});
}

}  // namespace vggroove::cuda

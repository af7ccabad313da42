#include "engine/nets/vggish_layers.h"

#include <array>
#include <string>

namespace vggroove {
namespace {

constexpr VggishLayer conv(std::string_view name, Conv3x3Spec spec) {
  return {
      name, spec,
      9.0 * static_cast<double>(spec.height * spec.width * spec.in_channels * spec.out_channels)};
}
constexpr VggishLayer dense(std::string_view name, DenseSpec spec) {
  return {name, spec, static_cast<double>(spec.inputs * spec.outputs)};
}

constexpr std::array<VggishLayer, 9> kLayers{
    conv("conv1",
         {.height = 96, .width = 64, .in_channels = 1, .out_channels = 64, .max_pool = true}),
    conv("conv2",
         {.height = 48, .width = 32, .in_channels = 64, .out_channels = 128, .max_pool = true}),
    conv("conv3/conv3_1", {.height = 24, .width = 16, .in_channels = 128, .out_channels = 256}),
    conv("conv3/conv3_2",
         {.height = 24, .width = 16, .in_channels = 256, .out_channels = 256, .max_pool = true}),
    conv("conv4/conv4_1", {.height = 12, .width = 8, .in_channels = 256, .out_channels = 512}),
    conv("conv4/conv4_2",
         {.height = 12, .width = 8, .in_channels = 512, .out_channels = 512, .max_pool = true}),
    // The flattened order is height, width, channel, as the activations lie.
    dense("fc1/fc1_1", {.inputs = 6 * 4 * 512, .outputs = 4096, .relu = true}),
    dense("fc1/fc1_2", {.inputs = 4096, .outputs = 4096, .relu = true}),
    // The embedding has no activation.
    dense("fc2", {.inputs = 4096, .outputs = kEmbeddingSize, .relu = false}),
};

}  // namespace

std::span<const VggishLayer> vggish_layers() {
  return kLayers;
}

std::unique_ptr<Layer> make_layer(const Backend& backend, const VggishLayer& layer,
                                  const TensorReader& tensors) {
  const std::string scope = "vggish/" + std::string(layer.name);
  const WeightReader weights = [&](std::int64_t first, std::span<float> out) {
    tensors(scope + "/weights", first, out);
  };
  const WeightReader biases = [&](std::int64_t first, std::span<float> out) {
    tensors(scope + "/biases", first, out);
  };
  if (const auto* const spec = std::get_if<Conv3x3Spec>(&layer.spec)) {
    return backend.conv3x3(*spec, weights, biases);
  }
  return backend.dense(std::get<DenseSpec>(layer.spec), weights, biases);
}

}  // namespace vggroove

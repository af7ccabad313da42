#pragma once

#include <cstddef>
#include <functional>
#include <memory>
#include <span>
#include <string_view>
#include <variant>

#include "engine/backends/backend.h"
#include "engine/nets/vggish.h"

namespace vggroove {

// The architecture, once: every backend, test and benchmark takes it from here.
struct VggishLayer {
  std::string_view name;  // its tensors are vggish/<name>/weights and vggish/<name>/biases
  std::variant<Conv3x3Spec, DenseSpec> spec;
  double macs_per_example;  // multiply-adds of the definition (direct convolution)
};
std::span<const VggishLayer> vggish_layers();

// Elements of a named tensor; as weights::ModelFile::read.
using TensorReader =
    std::function<void(std::string_view name, std::int64_t first, std::span<float> out)>;

std::unique_ptr<Layer> make_layer(const Backend& backend, const VggishLayer& layer,
                                  const TensorReader& tensors);

// The network on a given backend, with weights from anywhere: what Vggish::load does for a model
// file.
std::shared_ptr<const Vggish> make_vggish(const Backend& backend, const TensorReader& tensors);

}  // namespace vggroove

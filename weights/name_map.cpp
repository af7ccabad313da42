#include "weights/name_map.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <utility>

#include "base/error.h"
#include "weights/foreign_text.h"
#include "weights/model_file.h"
#include "weights/permute_axes.h"

namespace vggroove::weights {
namespace {

// In the order of vggish_tensors(). The numbers are positions in nn.Sequential, where ReLU and
// max-pooling count too.
constexpr std::array<std::string_view, 18> kTorchNames{
    "features.0.weight",   "features.0.bias",     // conv1
    "features.3.weight",   "features.3.bias",     // conv2
    "features.6.weight",   "features.6.bias",     // conv3_1
    "features.8.weight",   "features.8.bias",     // conv3_2
    "features.11.weight",  "features.11.bias",    // conv4_1
    "features.13.weight",  "features.13.bias",    // conv4_2
    "embeddings.0.weight", "embeddings.0.bias",   // fc1_1
    "embeddings.2.weight", "embeddings.2.bias",   // fc1_2
    "embeddings.4.weight", "embeddings.4.bias"};  // fc2

std::vector<NameMapEntry> make_name_map() {
  std::vector<NameMapEntry> entries;
  for (const TensorSpec& spec : vggish_tensors()) {
    NameMapEntry entry{spec.name, kTorchNames.at(entries.size()), TensorLayout::kVector, spec.shape,
                       spec.shape};
    if (spec.shape.size() > 1) {
      entry.layout = spec.shape.size() == 4 ? TensorLayout::kConvolution : TensorLayout::kDense;
      entry.torch_shape.clear();
      for (const int axis : axes_to_torch(entry.layout)) {
        entry.torch_shape.push_back(spec.shape[static_cast<std::size_t>(axis)]);
      }
    }
    entries.push_back(std::move(entry));
  }
  return entries;
}

Tensor rearranged(const std::string& file, const Tensor& from, std::string_view name,
                  const Shape& from_shape, const Shape& shape, const std::vector<int>& axes) {
  if (from.shape != from_shape) {
    throw Error(
        ErrorClass::kUnsupported,
        fmt::format("{}: tensor {} has the shape {}, but VGGish needs {}", file,
                    quoted_name(from.name), shape_text(from.shape), shape_text(from_shape)));
  }
  Tensor result{std::string(name), from.dtype, shape, {}};
  if (axes.empty()) {
    result.data = from.data;
  } else {
    result.data.resize(from.data.size());
    permute_axes(from.data, from.shape, axes, dtype_bytes(from.dtype), result.data);
  }
  return result;
}

const NameMapEntry& known(const std::string& file, const std::string& name,
                          const NameMapEntry* entry) {
  if (entry == nullptr) {
    throw Error(ErrorClass::kUnsupported,
                fmt::format("{}: tensor {} is not one of VGGish's", file, quoted_name(name)));
  }
  return *entry;
}

}  // namespace

const std::vector<NameMapEntry>& vggish_name_map() {
  static const std::vector<NameMapEntry> entries = make_name_map();
  return entries;
}

const NameMapEntry* find_canonical_name(std::string_view name) {
  const auto& map = vggish_name_map();
  const auto found = std::ranges::find(map, name, &NameMapEntry::canonical_name);
  return found == map.end() ? nullptr : &*found;
}

const NameMapEntry* find_torch_name(std::string_view name) {
  const auto& map = vggish_name_map();
  const auto found = std::ranges::find(map, name, &NameMapEntry::torch_name);
  return found == map.end() ? nullptr : &*found;
}

std::vector<int> axes_to_torch(TensorLayout layout) {
  switch (layout) {
    case TensorLayout::kVector:
      return {};
    case TensorLayout::kConvolution:
      return {3, 2, 0, 1};
    case TensorLayout::kDense:
      return {1, 0};
  }
  return {};
}

std::vector<int> axes_from_torch(TensorLayout layout) {
  return layout == TensorLayout::kConvolution ? std::vector<int>{2, 3, 1, 0}
                                              : axes_to_torch(layout);
}

Tensor to_torch(const std::string& file, const Tensor& canonical) {
  const NameMapEntry& entry = known(file, canonical.name, find_canonical_name(canonical.name));
  return rearranged(file, canonical, entry.torch_name, entry.canonical_shape, entry.torch_shape,
                    axes_to_torch(entry.layout));
}

Tensor from_torch(const std::string& file, const Tensor& torch) {
  const NameMapEntry& entry = known(file, torch.name, find_torch_name(torch.name));
  return rearranged(file, torch, entry.canonical_name, entry.torch_shape, entry.canonical_shape,
                    axes_from_torch(entry.layout));
}

}  // namespace vggroove::weights

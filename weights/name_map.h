#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "weights/dtype.h"

namespace vggroove::weights {

// How a tensor lies in the TensorFlow checkpoint (and in our model files), and how in PyTorch.
enum class TensorLayout {
  kVector,       // [n] in both
  kConvolution,  // HWIO -> OIHW
  kDense,        // [in, out] -> [out, in]; both flatten the last feature map in the order H, W, C
};

// One of the network's 18 tensors under the names of both worlds.
struct NameMapEntry {
  std::string_view canonical_name;  // "vggish/conv1/weights"
  std::string_view torch_name;      // "features.0.weight", as torchvggish's VGGish module has it
  TensorLayout layout;
  Shape canonical_shape;
  Shape torch_shape;
};

const std::vector<NameMapEntry>& vggish_name_map();              // in the order of vggish_tensors()
const NameMapEntry* find_canonical_name(std::string_view name);  // null: not one of the 18
const NameMapEntry* find_torch_name(std::string_view name);

// The order in which permute_axes() takes the axes of `layout`; empty for kVector.
std::vector<int> axes_to_torch(TensorLayout layout);
std::vector<int> axes_from_torch(TensorLayout layout);

// One tensor of the network, renamed and rearranged, of any dtype. `file` begins the message of
// Error(kUnsupported), which is thrown where the tensor's name or shape is not the network's.
Tensor to_torch(const std::string& file, const Tensor& canonical);
Tensor from_torch(const std::string& file, const Tensor& torch);

}  // namespace vggroove::weights

#pragma once

#include <cstddef>
#include <filesystem>
#include <memory>
#include <string_view>
#include <vector>

#include "engine/backends/cuda/cudnn/plan_cache.h"
#include "engine/backends/cuda/dense.h"
#include "engine/backends/cuda/owners.h"
#include "engine/device/device.h"
#include "engine/nets/vggish_layers.h"

namespace vggroove::cuda {

// A layer's parameters on the device. conv1: weight [3, 3, 1, 64] and bias in fp32; other
// convolutions: weight [out, 3, 3, in]; dense: weight [in, out]; in fp32, or bf16 with
// Precision::kBf16. The last bias is fp32: so is what it is added to.
struct DeviceLayer {
  const VggishLayer* layer = nullptr;
  DeviceArena::Slice weight, bias;
};

// The whole network's parameters, in one allocation, and what finds the kernels for them.
// Immutable but for the plan cache, which locks; shared by all sessions.
class Network {
 public:
  Network(const TensorReader& tensors, Precision precision, cudnn::DeviceProperties device,
          std::filesystem::path plan_folder);

  const std::vector<DeviceLayer>& layers() const { return layers_; }
  void* at(DeviceArena::Slice slice) const { return arena_.at<std::byte>(slice); }
  Precision precision() const { return precision_; }
  const CublasLtHandle& cublaslt() const { return cublaslt_; }
  std::shared_ptr<const cudnn::Plan> conv_plan(const VggishLayer& layer, std::size_t n) const;

 private:
  Precision precision_;
  CublasLtHandle cublaslt_;
  mutable cudnn::PlanCache plans_;
  DeviceArena arena_;
  std::vector<DeviceLayer> layers_;
};

}  // namespace vggroove::cuda

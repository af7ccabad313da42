#pragma once

#include <cstddef>
#include <functional>
#include <memory>
#include <optional>
#include <vector>

#include "engine/backends/cuda/cudnn_handle.h"
#include "engine/backends/cuda/logmel.h"
#include "engine/backends/cuda/network.h"
#include "engine/backends/cuda/owners.h"

namespace vggroove::cuda {

// Log-mel and the network for exactly n examples, from pinned samples to pinned embeddings: memory,
// plans and order of everything that one pass puts into its stream. Used by one thread at a time.
class ForwardPass {
 public:
  // Throws OutOfDeviceMemory where n examples do not fit.
  ForwardPass(std::shared_ptr<const Network> network, LogmelMethod logmel_method, std::size_t n);

  std::size_t num_examples() const { return n_; }
  float* samples() { return samples_.as<float>(); }                    // [n, 15600], to be filled
  const float* embeddings() const { return embeddings_.as<float>(); }  // [n, 128]
  // samples() -> embeddings(); returns when they are there.
  void run_sync();

 private:
  // One operation: reads the activations before it, writes those behind it.
  using Step = std::function<void(const std::byte* x, std::byte* y)>;

  template <class Activation>
  void plan_layers();
  template <class Activation>
  void plan_conv1(const DeviceLayer& layer);
  template <class Activation>
  void plan_conv(const DeviceLayer& layer);
  void plan_dense(const DeviceLayer& layer);
  void enqueue();

  std::shared_ptr<const Network> network_;
  std::size_t n_;
  CudaStream stream_;
  CudnnHandle cudnn_;
  PinnedBuffer samples_, embeddings_;
  std::vector<Step> steps_;
  std::size_t workspace_bytes_ = 1;
  DeviceArena arena_;
  DeviceArena::Slice samples_on_device_, activations_[2], workspace_;
  std::optional<DeviceLogmel> logmel_;
  CudaGraph graph_;
  int passes_ = 0;
};

}  // namespace vggroove::cuda

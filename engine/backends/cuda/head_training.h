#pragma once

#include <memory>
#include <string>

#include "engine/backends/cuda/dense.h"
#include "engine/backends/cuda/owners.h"
#include "engine/backends/cuda/staging.h"
#include "engine/device/device.h"
#include "engine/heads/head_training_backend.h"

namespace vggroove::cuda {

// Trains heads on device 0, all of a batch at once: strided-batched products by cuBLASLt, the rest
// by our kernels, in one stream. The same calls give the same bits.
class CudaHeadTraining : public HeadTrainingBackend {
 public:
  // device_name: "cuda" or "sim", for description(). tf32 is for products only; bf16 trains in
  // fp32, for heads are small. Throws Error(kDevice) where the device fails.
  CudaHeadTraining(const std::string& device_name, Precision precision);
  ~CudaHeadTraining() override;

  std::string description() const override { return description_; }
  void set_table(std::span<const float> rows, std::span<const int> labels,
                 std::size_t num_features) override;
  std::unique_ptr<HeadBatch> new_batch(const HeadShape& shape, std::size_t batch_size,
                                       std::span<const HeadBatch::Head> heads) override;

 private:
  friend class CudaHeadBatch;

  void to_device(void* to, const void* from, std::size_t bytes);
  void to_host_sync(void* to, const void* from, std::size_t bytes);
  void fill_zero(const DeviceBuffer& buffer) const;

  std::string description_;
  Precision precision_;
  CudaStream stream_;
  CublasLtHandle cublaslt_;
  StagedCopies copies_;
  DeviceBuffer table_, labels_;
};

}  // namespace vggroove::cuda

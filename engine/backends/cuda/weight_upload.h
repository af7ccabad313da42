#pragma once

#include <cstddef>
#include <vector>

#include "engine/backends/backend.h"
#include "engine/backends/cuda/owners.h"
#include "engine/device/device.h"

namespace vggroove::cuda {

// Moves weights to the device through two pinned buffers in turns: while one is copied, the next
// is read and converted. fp32 stays, bf16 rounds to nearest even.
class WeightUpload {
 public:
  explicit WeightUpload(Precision precision);

  // Elements [0, count) of a tensor, as they lie. target [count] of the precision's type.
  void tensor(std::byte* target, const WeightReader& values, std::size_t count);
  // Filters [3, 3, in, out] of a model file -> [out, 3, 3, in], as cuDNN's NHWC convolutions want.
  void filters(std::byte* target, const WeightReader& values, const Conv3x3Spec& spec);
  // Always fp32.
  void fp32(std::byte* target, const WeightReader& values, std::size_t count);

  void wait();  // until all is there

 private:
  struct Staging {
    PinnedBuffer buffer;
    CudaEvent copied;
    bool in_use = false;
  };
  std::byte* next_staging();
  void copy(std::byte* target, const float* values, std::size_t count);
  void send(std::byte* target, std::size_t bytes);

  Precision precision_;
  CudaStream stream_;
  Staging staging_[2];
  std::size_t current_ = 0;
  std::vector<float> values_;
};

std::size_t weight_bytes(Precision precision);  // of one: 2 with bf16, else 4

}  // namespace vggroove::cuda

#pragma once

#include <cstdint>
#include <vector>

#include "engine/backends/cuda/check.h"
#include "engine/backends/cuda/owners.h"
#include "kernels/common/bfloat16.h"

namespace vggroove::testing {

// `count` values in [-1, 1) that repeat only after thousands; other ones for each seed.
inline std::vector<float> ramp(std::size_t count, std::uint32_t seed) {
  std::vector<float> values(count);
  std::uint32_t state = 747796405u * seed + 1;
  for (float& value : values) {
    state = 1664525u * state + 1013904223u;
    value = static_cast<float>(static_cast<int>(state >> 8) - (1 << 23)) / (1 << 23);
  }
  return values;
}

// Values in device memory, as fp32 or rounded to bf16.
class DeviceArray {
 public:
  DeviceArray(const cuda::CudaStream& stream, const std::vector<float>& values, bool as_bf16)
      : count_(values.size()),
        as_bf16_(as_bf16),
        buffer_(count_ * (as_bf16 ? sizeof(BFloat16) : sizeof(float))) {
    const cuda::PinnedBuffer staging(buffer_.bytes());
    for (std::size_t i = 0; i < count_; ++i) {
      if (as_bf16) {
        staging.as<BFloat16>()[i] = to_bfloat16(values[i]);
      } else {
        staging.as<float>()[i] = values[i];
      }
    }
    VGGROOVE_CUDA(cudaMemcpyAsync(buffer_.data(), staging.data(), buffer_.bytes(),
                                  cudaMemcpyHostToDevice, stream.get()));
    stream.synchronize();
  }

  std::byte* data() const { return buffer_.data(); }

  std::vector<float> to_host_sync(const cuda::CudaStream& stream) const {
    const cuda::PinnedBuffer staging(buffer_.bytes());
    VGGROOVE_CUDA(cudaMemcpyAsync(staging.data(), buffer_.data(), buffer_.bytes(),
                                  cudaMemcpyDeviceToHost, stream.get()));
    stream.synchronize();
    std::vector<float> values(count_);
    for (std::size_t i = 0; i < count_; ++i) {
      values[i] = as_bf16_ ? to_float(staging.as<BFloat16>()[i]) : staging.as<float>()[i];
    }
    return values;
  }

 private:
  std::size_t count_;
  bool as_bf16_;
  cuda::DeviceBuffer buffer_;
};

}  // namespace vggroove::testing

#pragma once

#include <array>
#include <cstddef>

#include "engine/backends/cuda/owners.h"

namespace vggroove::cuda {

// Copies between the host's ordinary memory and the device, in order with a stream, through pinned
// buffers that take turns: the host waits only for a buffer whose last copy is not over.
class StagedCopies {
 public:
  // `from` may be overwritten when this returns; the copy itself may be under way.
  void to_device(const CudaStream& stream, void* to, const void* from, std::size_t bytes);
  // Returns when the bytes are there.
  void to_host_sync(const CudaStream& stream, void* to, const void* from, std::size_t bytes);

 private:
  static constexpr std::size_t kBufferBytes = std::size_t{1} << 20;
  struct Buffer {
    PinnedBuffer memory{kBufferBytes};
    CudaEvent copied;
    bool in_use = false;
  };
  Buffer& next();

  // As many as a step of the optimiser's small copies need not to wait for one another.
  std::array<Buffer, 8> buffers_;
  std::size_t current_ = 0;
};

}  // namespace vggroove::cuda

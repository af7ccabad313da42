#include "engine/backends/cuda/staging.h"

#include <algorithm>
#include <cstring>

#include "engine/backends/cuda/check.h"

namespace vggroove::cuda {

StagedCopies::Buffer& StagedCopies::next() {
  current_ = (current_ + 1) % buffers_.size();
  Buffer& buffer = buffers_[current_];
  if (buffer.in_use) {
    buffer.copied.synchronize();
    buffer.in_use = false;
  }
  return buffer;
}

void StagedCopies::to_device(const CudaStream& stream, void* to, const void* from,
                             std::size_t bytes) {
  for (std::size_t done = 0; done < bytes;) {
    const std::size_t piece = std::min(kBufferBytes, bytes - done);
    Buffer& buffer = next();
    std::memcpy(buffer.memory.data(), static_cast<const std::byte*>(from) + done, piece);
    VGGROOVE_CUDA(cudaMemcpyAsync(static_cast<std::byte*>(to) + done, buffer.memory.data(), piece,
                                  cudaMemcpyHostToDevice, stream.get()));
    buffer.copied.record(stream);
    buffer.in_use = true;
    done += piece;
  }
}

// The next piece is copied to its buffer while this one is copied to its place.
void StagedCopies::to_host_sync(const CudaStream& stream, void* to, const void* from,
                                std::size_t bytes) {
  const auto begin = [&](std::size_t done) -> Buffer& {
    Buffer& buffer = next();
    VGGROOVE_CUDA(cudaMemcpyAsync(buffer.memory.data(), static_cast<const std::byte*>(from) + done,
                                  std::min(kBufferBytes, bytes - done), cudaMemcpyDeviceToHost,
                                  stream.get()));
    buffer.copied.record(stream);
    buffer.in_use = true;
    return buffer;
  };
  Buffer* under_way = bytes > 0 ? &begin(0) : nullptr;
  for (std::size_t done = 0; done < bytes; done += kBufferBytes) {
    Buffer& buffer = *under_way;
    if (done + kBufferBytes < bytes) {
      under_way = &begin(done + kBufferBytes);
    }
    buffer.copied.synchronize();
    buffer.in_use = false;
    std::memcpy(static_cast<std::byte*>(to) + done, buffer.memory.data(),
                std::min(kBufferBytes, bytes - done));
  }
}

}  // namespace vggroove::cuda

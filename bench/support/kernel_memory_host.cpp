// KernelMemory for kernels/simt: plain memory, 64-byte aligned.
#include <cstdlib>
#include <cstring>
#include <new>

#include "bench/support/workload.h"

namespace vggroove::bench {

KernelMemory::KernelMemory(std::size_t bytes)
    : data_(::operator new(bytes, std::align_val_t(64))), bytes_(bytes) {}

KernelMemory::~KernelMemory() {
  ::operator delete(data_, std::align_val_t(64));
}

void KernelMemory::from_host_sync(const void* from) {
  std::memcpy(data_, from, bytes_);
}

void KernelMemory::to_host_sync(void* to) const {
  std::memcpy(to, data_, bytes_);
}

int num_multiprocessors() {
  return 132;
}

}  // namespace vggroove::bench

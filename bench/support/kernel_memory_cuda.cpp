// KernelMemory on a device.
#include "bench/support/cuda_check.h"
#include "bench/support/workload.h"

namespace vggroove::bench {

KernelMemory::KernelMemory(std::size_t bytes) : bytes_(bytes) {
  VGGROOVE_BENCH_CUDA(cudaMalloc(&data_, bytes));
}

KernelMemory::~KernelMemory() {
  cudaFree(data_);
}

void KernelMemory::from_host_sync(const void* from) {
  VGGROOVE_BENCH_CUDA(cudaMemcpy(data_, from, bytes_, cudaMemcpyHostToDevice));
}

void KernelMemory::to_host_sync(void* to) const {
  VGGROOVE_BENCH_CUDA(cudaMemcpy(to, data_, bytes_, cudaMemcpyDeviceToHost));
}

int num_multiprocessors() {
  int count = 0;
  VGGROOVE_BENCH_CUDA(cudaDeviceGetAttribute(&count, cudaDevAttrMultiProcessorCount, 0));
  return count;
}

}  // namespace vggroove::bench

#include "bench/support/device_timer.h"

#include <algorithm>
#include <type_traits>

#include "bench/support/cuda_check.h"

namespace vggroove::bench {
namespace {

struct DestroyStream {
  void operator()(cudaStream_t stream) const { cudaStreamDestroy(stream); }
};
struct DestroyEvent {
  void operator()(cudaEvent_t event) const { cudaEventDestroy(event); }
};
using StreamOwner = std::unique_ptr<std::remove_pointer_t<cudaStream_t>, DestroyStream>;
using EventOwner = std::unique_ptr<std::remove_pointer_t<cudaEvent_t>, DestroyEvent>;

EventOwner make_event() {
  cudaEvent_t event = nullptr;
  VGGROOVE_BENCH_CUDA(cudaEventCreate(&event));
  return EventOwner(event);
}

}  // namespace

DeviceTiming time_on_device(const Prepared& prepared, std::size_t cache_bytes, int repetitions) {
  cudaStream_t handle = nullptr;
  VGGROOVE_BENCH_CUDA(cudaStreamCreate(&handle));
  const StreamOwner stream(handle);
  const EventOwner begin = make_event(), end = make_event();
  const KernelMemory evicting(2 * cache_bytes + 1);
  std::vector<double> seconds;
  prepared.launch(handle);  // the first one loads the kernel
  for (int i = 0; i < repetitions; ++i) {
    VGGROOVE_BENCH_CUDA(cudaMemsetAsync(evicting.data(), i, 2 * cache_bytes, handle));
    VGGROOVE_BENCH_CUDA(cudaEventRecord(begin.get(), handle));
    prepared.launch(handle);
    VGGROOVE_BENCH_CUDA(cudaEventRecord(end.get(), handle));
    VGGROOVE_BENCH_CUDA(cudaEventSynchronize(end.get()));
    float milliseconds = 0;
    VGGROOVE_BENCH_CUDA(cudaEventElapsedTime(&milliseconds, begin.get(), end.get()));
    seconds.push_back(1e-3 * static_cast<double>(milliseconds));
  }
  std::sort(seconds.begin(), seconds.end());
  return {seconds[seconds.size() / 2], seconds.front(), seconds.back()};
}

}  // namespace vggroove::bench

// The kernels' tests on device 0: the same object code as simt's tests, linked with kernels for a
// device, an executor that reports nothing, and buffers that host and device both see.
#include <cuda_runtime_api.h>
#include <gtest/gtest.h>

#include <cstdio>
#include <cstdlib>
#include <new>

#include "engine/device/cuda_driver.h"
#include "kernels/simt/report.h"
#include "tests/support/guarded_buffer.h"

namespace vggroove::simt {

ThreadOrder::ThreadOrder(Order order, std::uint64_t seed)
    : previous_order_(order), previous_seed_(seed) {}
ThreadOrder::~ThreadOrder() = default;
LaunchRecorder::LaunchRecorder() = default;
LaunchRecorder::~LaunchRecorder() = default;
bool simulating() {
  return false;
}
bool counting() {
  return false;
}
LaunchReport last_launch() {
  return {};
}

}  // namespace vggroove::simt

namespace {

constexpr int kSkipped = 77;  // as ctest is told (CMakeLists.txt)

void* allocate_managed(std::size_t bytes) {
  void* memory = nullptr;
  if (cudaMallocManaged(&memory, bytes) != cudaSuccess) {
    throw std::bad_alloc();
  }
  return memory;
}

void release_managed(void* memory) {
  const cudaError_t result = cudaFree(memory);
  EXPECT_EQ(result, cudaSuccess) << cudaGetErrorString(result);
}

}  // namespace

int main(int argc, char** argv) {
  // Tests read results right behind the launch, as on the simulator: each launch is waited for.
  setenv("CUDA_LAUNCH_BLOCKING", "1", 1);
  ::testing::InitGoogleTest(&argc, argv);
  if (!::testing::GTEST_FLAG(list_tests)) {
    const vggroove::CudaDriver driver = vggroove::query_cuda_driver();
    if (!driver.usable()) {
      std::printf("skipped, no device: %s\n", driver.trouble.c_str());
      return kSkipped;
    }
  }
  vggroove::testing::buffer_memory = {allocate_managed, release_managed};
  return RUN_ALL_TESTS();
}

// The stand-in of the CUDA runtime finds what a real device would let pass or answer with wrong
// numbers. Every mistake here is planted.
#include <cuda_runtime_api.h>
#include <gtest/gtest.h>

#include <cmath>
#include <csignal>
#include <cstdlib>
#include <functional>
#include <string>
#include <thread>

#include "engine/backends/cuda/check.h"
#include "engine/backends/cuda/owners.h"
#include "engine/backends/sim/simulator.h"
#include "engine/backends/sim/violation.h"
#include "kernels/nn/conv1_pool.h"
#include "tests/support/expect_error.h"
#include "tests/support/sim_violation.h"

namespace vggroove::cuda {
namespace {

using sim::Simulator;
using testing::expect_violation;

constexpr std::size_t kBytes = 1024;

void copy(void* to, const void* from, cudaMemcpyKind kind, const CudaStream& stream,
          std::size_t bytes = kBytes) {
  VGGROOVE_CUDA(cudaMemcpyAsync(to, from, bytes, kind, stream.get()));
}
void to_device(const DeviceBuffer& to, const PinnedBuffer& from, const CudaStream& stream) {
  copy(to.data(), from.data(), cudaMemcpyHostToDevice, stream);
}
void to_host(const PinnedBuffer& to, const DeviceBuffer& from, const CudaStream& stream) {
  copy(to.data(), from.data(), cudaMemcpyDeviceToHost, stream);
}

class SimRuntime : public ::testing::Test {
 protected:
  void TearDown() override { EXPECT_EQ(Simulator::get().leaks(), ""); }
};

TEST_F(SimRuntime, copies_there_and_back) {
  const CudaStream stream;
  const DeviceBuffer device(kBytes);
  const PinnedBuffer from(kBytes), to(kBytes);
  from.as<float>()[255] = 5;
  to_device(device, from, stream);
  to_host(to, device, stream);
  stream.synchronize();
  EXPECT_EQ(to.as<float>()[255], 5);
}

TEST_F(SimRuntime, fresh_memory_is_not_a_number) {
  const CudaStream stream;
  const DeviceBuffer device(kBytes);
  const PinnedBuffer to(kBytes);
  to_host(to, device, stream);
  stream.synchronize();
  EXPECT_TRUE(std::isnan(to.as<float>()[0]));
}

TEST_F(SimRuntime, two_streams_on_the_same_bytes_need_an_event) {
  const CudaStream copying, computing;
  const DeviceBuffer device(kBytes);
  const PinnedBuffer from(kBytes), to(kBytes);
  const CudaEvent copied;
  to_device(device, from, copying);
  expect_violation("an event is missing", [&] { to_host(to, device, computing); });
  copied.record(copying);
  copied.make_wait(computing);
  to_host(to, device, computing);
  // And back: the next copy in must wait for the copy out.
  expect_violation("an event is missing", [&] { to_device(device, from, copying); });
  computing.synchronize();
  to_device(device, from, copying);  // the host has waited for it
  copying.synchronize();
}

TEST_F(SimRuntime, an_event_orders_only_what_was_before_it) {
  const CudaStream copying, computing;
  const DeviceBuffer first(kBytes), second(kBytes);
  const PinnedBuffer from(kBytes), to(kBytes);
  const CudaEvent copied;
  to_device(first, from, copying);
  copied.record(copying);
  to_device(second, from, copying);
  copied.make_wait(computing);
  to_host(to, first, computing);
  expect_violation("an event is missing", [&] { to_host(to, second, computing); });
  copying.synchronize();
  computing.synchronize();
}

TEST_F(SimRuntime, kernels_of_ours_are_ordered_too_and_need_live_memory) {
  using Shape = Conv1PoolShape;
  const CudaStream copying, computing;
  const PinnedBuffer from(Shape::kInputSize * sizeof(float));
  const DeviceBuffer x(from.bytes()), weight(Shape::kTaps * Shape::kChannels * sizeof(float)),
      bias(Shape::kChannels * sizeof(float));
  DeviceBuffer y(Shape::kPooledSize * sizeof(float));
  const CudaEvent copied;
  const auto run_kernel = [&](std::byte* output) {
    conv1_pool(computing.get(), reinterpret_cast<float*>(output), nullptr, x.as<float>(),
               weight.as<float>(), bias.as<float>(), 1);
  };
  copy(x.data(), from.data(), cudaMemcpyHostToDevice, copying, from.bytes());
  expect_violation("reads what cudaMemcpyAsync writes on another stream",
                   [&] { run_kernel(y.data()); });
  copied.record(copying);
  copied.make_wait(computing);
  run_kernel(y.data());
  std::byte* const stale = y.data();
  y = {};
  expect_violation("kernel conv1_pool_kernel", [&] { run_kernel(stale); });
  expect_violation("after it was freed", [&] { run_kernel(stale); });
  computing.synchronize();
}

TEST_F(SimRuntime, an_event_that_nobody_recorded_orders_nothing) {
  const CudaStream stream;
  const CudaEvent event;
  expect_violation("never recorded", [&] { event.make_wait(stream); });
}

using SimRuntimeDeathTest = SimRuntime;

TEST_F(SimRuntimeDeathTest, the_host_must_synchronise_before_it_reads) {
  const CudaStream stream;
  const DeviceBuffer device(kBytes);
  const PinnedBuffer to(kBytes);
  EXPECT_DEATH(
      {
        to_host(to, device, stream);
        [[maybe_unused]] const volatile float read_too_early = to.as<float>()[0];
      },
      "synchronise with its stream first");
}

TEST_F(SimRuntimeDeathTest, the_host_must_synchronise_before_it_overwrites_what_is_copied) {
  const CudaStream stream;
  const DeviceBuffer device(kBytes);
  const PinnedBuffer from(kBytes);
  EXPECT_DEATH(
      {
        to_device(device, from, stream);
        from.as<volatile float>()[0] = 1;
      },
      "synchronise with its stream first");
}

TEST_F(SimRuntime, accesses_stay_inside_live_memory) {
  const CudaStream stream;
  const PinnedBuffer pinned(kBytes);
  DeviceBuffer device(kBytes);
  expect_violation("reaches 1 bytes beyond the end of device memory",
                   [&] { copy(device.data() + 1, pinned.data(), cudaMemcpyHostToDevice, stream); });
  std::byte* const stale = device.data();
  device = {};
  expect_violation("after it was freed",
                   [&] { copy(stale, pinned.data(), cudaMemcpyHostToDevice, stream); });
  float pageable[kBytes / sizeof(float)];
  const DeviceBuffer target(kBytes);
  expect_violation("neither device nor pinned",
                   [&] { copy(target.data(), pageable, cudaMemcpyHostToDevice, stream); });
}

TEST_F(SimRuntime, memory_is_freed_once_and_as_what_it_is) {
  void* device = nullptr;
  VGGROOVE_CUDA(cudaMalloc(&device, kBytes));
  expect_violation("device memory is freed as pinned memory", [&] { cudaFreeHost(device); });
  cudaFree(device);
  expect_violation("freed twice", [&] { cudaFree(device); });
  int host = 0;
  expect_violation("never allocated", [&] { cudaFree(&host); });
}

TEST_F(SimRuntime, a_copy_has_the_direction_that_it_says) {
  const CudaStream stream;
  const DeviceBuffer device(kBytes);
  const PinnedBuffer pinned(kBytes);
  expect_violation("its direction",
                   [&] { copy(device.data(), pinned.data(), cudaMemcpyDeviceToHost, stream); });
}

TEST_F(SimRuntime, the_default_stream_and_dead_streams_are_refused) {
  const DeviceBuffer device(kBytes);
  expect_violation("default stream", [&] { cudaMemsetAsync(device.data(), 0, kBytes, nullptr); });
  cudaStream_t stale = CudaStream().get();
  expect_violation("does not exist", [&] { cudaMemsetAsync(device.data(), 0, kBytes, stale); });
}

TEST_F(SimRuntime, a_graph_repeats_what_was_captured_with_memory_that_must_still_live) {
  const CudaStream stream;
  DeviceBuffer device(kBytes);
  const PinnedBuffer from(kBytes), to(kBytes);
  const CudaGraph graph(stream, [&] {
    to_device(device, from, stream);
    to_host(to, device, stream);
  });
  for (const float value : {1.0f, 2.0f}) {
    from.as<float>()[0] = value;
    graph.launch(stream);
    stream.synchronize();
    EXPECT_EQ(to.as<float>()[0], value);
  }
  device = {};
  expect_violation("after it was freed", [&] { graph.launch(stream); });
  stream.synchronize();
}

TEST_F(SimRuntime, a_capture_that_fails_leaves_the_stream_usable) {
  const CudaStream stream;
  const DeviceBuffer device(kBytes);
  EXPECT_THROW(CudaGraph(stream, [] { throw std::runtime_error("planted"); }), std::runtime_error);
  VGGROOVE_CUDA(cudaMemsetAsync(device.data(), 0, kBytes, stream.get()));
  expect_violation("is being captured",
                   [&] { const CudaGraph graph(stream, [&] { stream.synchronize(); }); });
  stream.synchronize();
}

// CUDA refuses them, and drops the capture.
TEST_F(SimRuntime, a_capture_forbids_allocating_freeing_and_waiting) {
  const CudaStream stream;
  const CudaEvent event;
  event.record(stream);
  const DeviceBuffer device(kBytes);
  const PinnedBuffer pinned(kBytes);
  const auto expect_forbidden = [&](const char* call, const std::function<void()>& body) {
    expect_violation(std::string(call) + ": while this thread captures",
                     [&] { const CudaGraph graph(stream, body); });
  };
  expect_forbidden("cudaMalloc", [] { const DeviceBuffer more(kBytes); });
  expect_forbidden("cudaHostAlloc", [] { const PinnedBuffer more(kBytes); });
  expect_forbidden("cudaFree", [&] { cudaFree(device.data()); });
  expect_forbidden("cudaFreeHost", [&] { cudaFreeHost(pinned.data()); });
  expect_forbidden("cudaEventSynchronize", [&] { event.synchronize(); });
  const CudaGraph other_threads_may(
      stream, [] { std::thread([] { const DeviceBuffer more(kBytes); }).join(); });
}

TEST_F(SimRuntime, what_is_not_given_back_is_reported) {
  auto* const leaked = new DeviceBuffer(kBytes);
  auto* const stream = new CudaStream;
  EXPECT_EQ(Simulator::get().leaks(),
            "1 allocations (1024 bytes) are never freed; 1 streams are never destroyed");
  delete leaked;
  delete stream;
}

TEST(SimRuntimeExitDeathTest, a_program_that_leaks_ends_with_a_message) {
  GTEST_FLAG_SET(death_test_style, "threadsafe");
  EXPECT_EXIT(
      {
        sim::abort_at_exit_where_something_leaks();
        new DeviceBuffer(kBytes);
        std::exit(0);
      },
      ::testing::KilledBySignal(SIGABRT),
      "at the end of the program 1 allocations \\(1024 bytes\\) are never freed");
}

// One macro for each library: the call, its answer, the file and the line.
TEST_F(SimRuntime, a_failed_call_is_named_with_its_answer_and_place) {
  const auto message_of = [](const std::function<void()>& call) {
    try {
      call();
    } catch (const Error& error) {
      return std::string(error.what());
    }
    return std::string();
  };
  int line = __LINE__ + 1;
  EXPECT_EQ(message_of([] { VGGROOVE_CUDA(cudaError_t(cudaErrorInvalidValue)); }),
            "GPU: cudaError_t: unknown error (cudaErrorUnknown, sim_runtime_test.cpp:" +
                std::to_string(line) + ")");
  line = __LINE__ + 1;
  EXPECT_EQ(message_of([] { VGGROOVE_CUBLASLT(cublasStatus_t(CUBLAS_STATUS_EXECUTION_FAILED)); }),
            "GPU: cublasStatus_t: CUBLAS_STATUS_EXECUTION_FAILED (sim_runtime_test.cpp:" +
                std::to_string(line) + ")");
}

TEST_F(SimRuntime, no_memory_and_a_lost_device_are_errors_that_say_what_to_do) {
  Simulator& gpu = Simulator::get();
  const std::size_t limit = gpu.memory.device_limit();
  gpu.memory.set_device_limit(kBytes);
  EXPECT_THROW(DeviceBuffer(kBytes + 1), OutOfDeviceMemory);
  EXPECT_NO_THROW(DeviceBuffer{kBytes});
  gpu.memory.set_device_limit(limit);

  const CudaStream stream;
  gpu.lose_device();
  testing::expect_error(ErrorClass::kDevice, "lost the device", [&] { stream.synchronize(); });
  gpu.repair_device();
}

}  // namespace
}  // namespace vggroove::cuda

// Stands in for the CUDA runtime: the calls that the CUDA backend makes, and no others, so that a
// new one does not link until it is simulated. Mistakes throw Violation; what a program must be
// ready for - no memory, a lost device - is answered by its error code, as CUDA does.
#include <cuda_runtime_api.h>
#include <fmt/format.h>

#include <cstring>

#include "engine/backends/sim/simulator.h"
#include "engine/backends/sim/violation.h"

using vggroove::sim::Allocation;
using vggroove::sim::MemoryKind;
using vggroove::sim::Simulator;
using vggroove::sim::Violation;

namespace {

// What CUDA says of a device that has gone.
constexpr cudaError_t kLost = cudaErrorLaunchFailure;

template <class Call>
cudaError_t call(Call&& body) {
  const auto lock = Simulator::get().lock();
  if (Simulator::get().lost()) {
    return kLost;
  }
  body(Simulator::get());
  return cudaSuccess;
}

cudaError_t allocate(MemoryKind kind, void** data, std::size_t bytes) {
  cudaError_t result = cudaSuccess;
  const cudaError_t lost = call([&](Simulator& gpu) {
    gpu.forbid_in_capture(kind == MemoryKind::kDevice ? "cudaMalloc" : "cudaHostAlloc");
    *data = gpu.memory.allocate(kind, bytes);
    result = *data == nullptr ? cudaErrorMemoryAllocation : cudaSuccess;
  });
  return lost != cudaSuccess ? lost : result;
}

cudaError_t release(MemoryKind kind, void* data) {
  return call([&](Simulator& gpu) {
    if (data != nullptr) {
      gpu.forbid_in_capture(kind == MemoryKind::kDevice ? "cudaFree" : "cudaFreeHost");
      gpu.host_waits_for_all();  // as cudaFree and cudaFreeHost do
      gpu.memory.release(kind, data);
    }
  });
}

}  // namespace

cudaError_t cudaMalloc(void** data, std::size_t bytes) {
  return allocate(MemoryKind::kDevice, data, bytes);
}
cudaError_t cudaFree(void* data) {
  return release(MemoryKind::kDevice, data);
}
cudaError_t cudaHostAlloc(void** data, std::size_t bytes, unsigned) {
  return allocate(MemoryKind::kPinned, data, bytes);
}
cudaError_t cudaFreeHost(void* data) {
  return release(MemoryKind::kPinned, data);
}

cudaError_t cudaMemcpyAsync(void* to, const void* from, std::size_t bytes, cudaMemcpyKind kind,
                            cudaStream_t stream) {
  return call([&](Simulator& gpu) {
    const Allocation& source = gpu.memory.at(from, bytes, {"cudaMemcpyAsync (from)"});
    const Allocation& target = gpu.memory.at(to, bytes, {"cudaMemcpyAsync (to)"});
    const bool from_device = source.kind == MemoryKind::kDevice;
    const bool to_device = target.kind == MemoryKind::kDevice;
    if (from_device != (kind == cudaMemcpyDeviceToHost || kind == cudaMemcpyDeviceToDevice) ||
        to_device != (kind == cudaMemcpyHostToDevice || kind == cudaMemcpyDeviceToDevice)) {
      throw Violation("cudaMemcpyAsync: its direction is not that of its addresses");
    }
    (to_device ? gpu.counts.copied_to_device_bytes : gpu.counts.copied_to_host_bytes) += bytes;
    gpu.submit(stream, {{"cudaMemcpyAsync"}, {{from, bytes, false}, {to, bytes, true}}, [=] {
                          std::memcpy(to, from, bytes);
                        }});
  });
}

cudaError_t cudaMemsetAsync(void* data, int value, std::size_t bytes, cudaStream_t stream) {
  return call([&](Simulator& gpu) {
    gpu.submit(stream, {{"cudaMemsetAsync"}, {{data, bytes, true}}, [=] {
                          std::memset(data, value, bytes);
                        }});
  });
}

cudaError_t cudaStreamCreateWithFlags(cudaStream_t* stream, unsigned flags) {
  return call([&](Simulator& gpu) {
    if (flags != cudaStreamNonBlocking) {
      throw Violation("cudaStreamCreateWithFlags: a stream that waits for the default stream");
    }
    *stream = gpu.create_stream();
  });
}
cudaError_t cudaStreamDestroy(cudaStream_t stream) {
  return call([&](Simulator& gpu) { gpu.destroy(stream); });
}
cudaError_t cudaStreamSynchronize(cudaStream_t stream) {
  return call([&](Simulator& gpu) { gpu.host_waits_for(stream); });
}
// Operations are over when they have been submitted; what asks has waited for them.
cudaError_t cudaStreamQuery(cudaStream_t stream) {
  return call([&](Simulator& gpu) { gpu.host_waits_for(stream); });
}
cudaError_t cudaStreamWaitEvent(cudaStream_t stream, cudaEvent_t event, unsigned) {
  return call([&](Simulator& gpu) { gpu.make_wait(stream, event); });
}

cudaError_t cudaEventCreateWithFlags(cudaEvent_t* event, unsigned) {
  return call([&](Simulator& gpu) { *event = gpu.create_event(); });
}
cudaError_t cudaEventDestroy(cudaEvent_t event) {
  return call([&](Simulator& gpu) { gpu.destroy(event); });
}
cudaError_t cudaEventRecord(cudaEvent_t event, cudaStream_t stream) {
  return call([&](Simulator& gpu) { gpu.record(event, stream); });
}
cudaError_t cudaEventSynchronize(cudaEvent_t event) {
  return call([&](Simulator& gpu) {
    gpu.forbid_in_capture("cudaEventSynchronize");
    gpu.host_waits_for(event);
  });
}

cudaError_t cudaStreamBeginCapture(cudaStream_t stream, cudaStreamCaptureMode) {
  return call([&](Simulator& gpu) { gpu.begin_capture(stream); });
}
cudaError_t cudaStreamEndCapture(cudaStream_t stream, cudaGraph_t* graph) {
  return call([&](Simulator& gpu) { *graph = gpu.end_capture(stream); });
}
cudaError_t cudaGraphInstantiate(cudaGraphExec_t* executable, cudaGraph_t graph,
                                 unsigned long long) {
  return call([&](Simulator& gpu) { *executable = gpu.instantiate(graph); });
}
cudaError_t cudaGraphLaunch(cudaGraphExec_t graph, cudaStream_t stream) {
  return call([&](Simulator& gpu) { gpu.launch(graph, stream); });
}
cudaError_t cudaGraphDestroy(cudaGraph_t graph) {
  return call([&](Simulator& gpu) { gpu.destroy(graph); });
}
cudaError_t cudaGraphExecDestroy(cudaGraphExec_t graph) {
  return call([&](Simulator& gpu) { gpu.destroy(graph); });
}

cudaError_t cudaGetDeviceCount(int* count) {
  *count = 1;
  return cudaSuccess;
}
cudaError_t cudaSetDevice(int device) {
  return call([&](Simulator&) {
    if (device != 0) {
      throw Violation(fmt::format("cudaSetDevice: {}, but there is one device", device));
    }
  });
}
cudaError_t cudaGetDeviceProperties(cudaDeviceProp* properties, int) {
  return call([&](Simulator& gpu) {
    *properties = {};
    std::strncpy(properties->name, "simulated GPU", sizeof properties->name - 1);
    properties->major = 9;
    properties->multiProcessorCount = 2;
    properties->totalGlobalMem = gpu.memory.device_limit();
  });
}
cudaError_t cudaGetLastError() {
  return Simulator::get().lost() ? kLost : cudaSuccess;
}
const char* cudaGetErrorName(cudaError_t error) {
  return error == cudaErrorMemoryAllocation ? "cudaErrorMemoryAllocation"
         : error == kLost                   ? "cudaErrorLaunchFailure"
                                            : "cudaErrorUnknown";
}
const char* cudaGetErrorString(cudaError_t error) {
  return error == cudaErrorMemoryAllocation ? "out of memory"
         : error == kLost                   ? "unspecified launch failure"
                                            : "unknown error";
}

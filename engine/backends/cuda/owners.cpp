#include "engine/backends/cuda/owners.h"

#include "engine/backends/cuda/check.h"

namespace vggroove::cuda {
namespace {
constexpr std::size_t kAlignmentBytes = 256;  // of cudaMalloc; more than any kernel asks for
}

DeviceBuffer::DeviceBuffer(std::size_t bytes) : bytes_(bytes) {
  if (bytes > 0) {
    void* data = nullptr;
    VGGROOVE_CUDA(cudaMalloc(&data, bytes));
    data_.reset(static_cast<std::byte*>(data));
  }
}

PinnedBuffer::PinnedBuffer(std::size_t bytes) : bytes_(bytes) {
  void* data = nullptr;
  VGGROOVE_CUDA(cudaHostAlloc(&data, bytes, cudaHostAllocDefault));
  data_.reset(static_cast<std::byte*>(data));
}

DeviceArena::Slice DeviceArena::reserve(std::size_t bytes) {
  const Slice slice{bytes_, bytes};
  bytes_ += (bytes + kAlignmentBytes - 1) / kAlignmentBytes * kAlignmentBytes;
  return slice;
}

void DeviceArena::allocate() {
  buffer_ = DeviceBuffer(bytes_);
}

CudaStream::CudaStream() {
  cudaStream_t stream = nullptr;
  VGGROOVE_CUDA(cudaStreamCreateWithFlags(&stream, cudaStreamNonBlocking));
  stream_.reset(stream);
}

void CudaStream::synchronize() const {
  VGGROOVE_CUDA(cudaStreamSynchronize(stream_.get()));
}

CudaEvent::CudaEvent() {
  cudaEvent_t event = nullptr;
  VGGROOVE_CUDA(cudaEventCreateWithFlags(&event, cudaEventDisableTiming));
  event_.reset(event);
}

void CudaEvent::record(const CudaStream& stream) const {
  VGGROOVE_CUDA(cudaEventRecord(event_.get(), stream.get()));
}

void CudaEvent::synchronize() const {
  VGGROOVE_CUDA(cudaEventSynchronize(event_.get()));
}

void CudaEvent::make_wait(const CudaStream& stream) const {
  VGGROOVE_CUDA(cudaStreamWaitEvent(stream.get(), event_.get(), 0));
}

CudaGraph::CudaGraph(const CudaStream& stream, const std::function<void()>& record) {
  // Thread-local: other threads may allocate meanwhile.
  VGGROOVE_CUDA(cudaStreamBeginCapture(stream.get(), cudaStreamCaptureModeThreadLocal));
  struct DestroyGraph {
    void operator()(cudaGraph_t graph) const { cudaGraphDestroy(graph); }
  };
  std::unique_ptr<std::remove_pointer_t<cudaGraph_t>, DestroyGraph> owner;
  cudaGraph_t graph = nullptr;
  try {
    record();
  } catch (...) {
    cudaStreamEndCapture(stream.get(), &graph);  // else the stream stays in capture
    owner.reset(graph);
    throw;
  }
  VGGROOVE_CUDA(cudaStreamEndCapture(stream.get(), &graph));
  owner.reset(graph);
  cudaGraphExec_t executable = nullptr;
  VGGROOVE_CUDA(cudaGraphInstantiate(&executable, graph, 0));
  executable_.reset(executable);
}

void CudaGraph::launch(const CudaStream& stream) const {
  VGGROOVE_CUDA(cudaGraphLaunch(executable_.get(), stream.get()));
}

}  // namespace vggroove::cuda

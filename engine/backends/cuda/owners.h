#pragma once

#include <cuda_runtime_api.h>

#include <cstddef>
#include <functional>
#include <memory>
#include <type_traits>

namespace vggroove::cuda {

// Move-only owners of what the CUDA runtime hands out. Their constructors throw as check.h says;
// their destructors ignore errors: after a lost device nothing can be freed, nor needs to be.

// Device memory, 256-byte aligned, not initialised.
class DeviceBuffer {
 public:
  DeviceBuffer() = default;
  explicit DeviceBuffer(std::size_t bytes);

  std::byte* data() const { return data_.get(); }
  template <class T>
  T* as() const {
    return reinterpret_cast<T*>(data_.get());
  }
  std::size_t bytes() const { return bytes_; }

 private:
  struct Free {
    void operator()(std::byte* data) const { cudaFree(data); }
  };
  std::unique_ptr<std::byte, Free> data_;
  std::size_t bytes_ = 0;
};

// Page-locked host memory: copies to and from the device run beside everything else.
class PinnedBuffer {
 public:
  explicit PinnedBuffer(std::size_t bytes);

  std::byte* data() const { return data_.get(); }
  template <class T>
  T* as() const {
    return reinterpret_cast<T*>(data_.get());
  }
  std::size_t bytes() const { return bytes_; }

 private:
  struct Free {
    void operator()(std::byte* data) const { cudaFreeHost(data); }
  };
  std::unique_ptr<std::byte, Free> data_;
  std::size_t bytes_ = 0;
};

// Many arrays in one allocation: reserve() all of them, allocate() once, then at().
class DeviceArena {
 public:
  struct Slice {
    std::size_t offset = 0, bytes = 0;
  };
  Slice reserve(std::size_t bytes);
  void allocate();
  template <class T>
  T* at(Slice slice) const {
    return reinterpret_cast<T*>(buffer_.data() + slice.offset);
  }

 private:
  std::size_t bytes_ = 0;
  DeviceBuffer buffer_;
};

// A stream that does not wait for the default stream.
class CudaStream {
 public:
  CudaStream();
  cudaStream_t get() const { return stream_.get(); }
  void synchronize() const;

 private:
  struct Destroy {
    void operator()(cudaStream_t stream) const { cudaStreamDestroy(stream); }
  };
  std::unique_ptr<std::remove_pointer_t<cudaStream_t>, Destroy> stream_;
};

// A point in a stream that another stream, or the host, waits for. Without timing.
class CudaEvent {
 public:
  CudaEvent();
  void record(const CudaStream& stream) const;
  void synchronize() const;
  void make_wait(const CudaStream& stream) const;

 private:
  struct Destroy {
    void operator()(cudaEvent_t event) const { cudaEventDestroy(event); }
  };
  std::unique_ptr<std::remove_pointer_t<cudaEvent_t>, Destroy> event_;
};

// What `record` puts into the stream, as one launch: a step of 20 kernels then costs the host 5 us
// in place of 100.
class CudaGraph {
 public:
  CudaGraph() = default;
  CudaGraph(const CudaStream& stream, const std::function<void()>& record);
  void launch(const CudaStream& stream) const;
  explicit operator bool() const { return executable_ != nullptr; }

 private:
  struct Destroy {
    void operator()(cudaGraphExec_t graph) const { cudaGraphExecDestroy(graph); }
  };
  std::unique_ptr<std::remove_pointer_t<cudaGraphExec_t>, Destroy> executable_;
};

}  // namespace vggroove::cuda

#pragma once

#include <gtest/gtest.h>

#include <algorithm>
#include <cstddef>
#include <memory>
#include <new>
#include <span>

namespace vggroove::testing {

// Where buffers lie: in plain memory, unless a program whose kernels run on a GPU names memory that
// both see, before its first buffer.
struct BufferMemory {
  void* (*allocate)(std::size_t bytes) = [](std::size_t bytes) { return ::operator new(bytes); };
  void (*release)(void* memory) = [](void* memory) { ::operator delete(memory); };
};
inline BufferMemory buffer_memory;

// Memory of exactly the size asked for, 64-byte aligned, between two sentinels that show a write
// out of bounds when the buffer goes. It starts as NaN in every floating-point format.
class GuardedBuffer {
 public:
  explicit GuardedBuffer(std::size_t bytes)
      : bytes_(bytes), storage_(static_cast<std::byte*>(buffer_memory.allocate(storage_bytes()))) {
    std::fill_n(storage_.get(), storage_bytes(), kPattern);
    void* begin = storage_.get() + kGuardBytes;
    std::size_t space = storage_bytes() - kGuardBytes;
    data_ = static_cast<std::byte*>(std::align(kAlignment, bytes + kGuardBytes, begin, space));
  }
  GuardedBuffer(const GuardedBuffer&) = delete;
  GuardedBuffer& operator=(const GuardedBuffer&) = delete;
  ~GuardedBuffer() {
    for (std::size_t i = 0; i < kGuardBytes; ++i) {
      if (data_[bytes_ + i] != kPattern || *(data_ - 1 - i) != kPattern) {
        ADD_FAILURE() << "written " << i << " bytes outside a buffer of " << bytes_;
        return;
      }
    }
  }

  std::byte* data() { return data_; }
  std::size_t bytes() const { return bytes_; }
  template <class T>
  std::span<T> as() {
    return {reinterpret_cast<T*>(data_), bytes_ / sizeof(T)};
  }

 private:
  static constexpr std::size_t kAlignment = 64;
  static constexpr std::size_t kGuardBytes = 256;
  static constexpr std::byte kPattern{0xff};

  struct Release {
    void operator()(std::byte* memory) const { buffer_memory.release(memory); }
  };
  std::size_t storage_bytes() const { return bytes_ + 2 * kGuardBytes + kAlignment; }

  std::size_t bytes_;
  std::unique_ptr<std::byte, Release> storage_;
  std::byte* data_;
};

}  // namespace vggroove::testing

#pragma once

#include <gtest/gtest.h>

#include <cstddef>
#include <memory>
#include <span>
#include <vector>

namespace vggroove::testing {

// Memory of exactly the size asked for, 64-byte aligned, between two sentinels that show a write
// out of bounds when the buffer goes. It starts as NaN in every floating-point format.
class GuardedBuffer {
 public:
  explicit GuardedBuffer(std::size_t bytes)
      : bytes_(bytes), storage_(bytes + 2 * kGuardBytes + kAlignment, kPattern) {
    void* begin = storage_.data() + kGuardBytes;
    std::size_t space = storage_.size() - kGuardBytes;
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

  std::size_t bytes_;
  std::vector<std::byte> storage_;
  std::byte* data_;
};

}  // namespace vggroove::testing

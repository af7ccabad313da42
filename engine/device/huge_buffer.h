#pragma once

#include <cstddef>
#include <utility>

namespace vggroove {

// Owns zeroed memory that starts on a 2 MB boundary and asks for huge pages. Meant to be allocated
// once and reused: on a virtual machine the first touch of a 4 kB page costs about 11 us, and the
// weights are streamed so quickly that 4 kB pages would run out of TLB entries.
class HugeBuffer {
 public:
  HugeBuffer() = default;
  // Throws Error(kIo) where the system has no such memory.
  explicit HugeBuffer(std::size_t bytes);
  HugeBuffer(HugeBuffer&& other) noexcept
      : data_(std::exchange(other.data_, nullptr)), bytes_(std::exchange(other.bytes_, 0)) {}
  HugeBuffer& operator=(HugeBuffer&& other) noexcept {
    std::swap(data_, other.data_);
    std::swap(bytes_, other.bytes_);
    return *this;
  }
  ~HugeBuffer();

  std::byte* data() { return data_; }
  const std::byte* data() const { return data_; }
  template <class T>
  T* as() {
    return reinterpret_cast<T*>(data_);
  }
  template <class T>
  const T* as() const {
    return reinterpret_cast<const T*>(data_);
  }
  std::size_t bytes() const { return bytes_; }

 private:
  std::byte* data_ = nullptr;
  std::size_t bytes_ = 0;  // as mapped: a multiple of 2 MB
};

}  // namespace vggroove

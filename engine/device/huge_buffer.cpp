#include "engine/device/huge_buffer.h"

#include <fmt/format.h>
#include <sys/mman.h>

#include <cstdint>

#include "base/error.h"

namespace vggroove {
namespace {
constexpr std::size_t kHugePageBytes = std::size_t{2} << 20;
}

HugeBuffer::HugeBuffer(std::size_t bytes) {
  if (bytes == 0) {
    return;
  }
  bytes_ = (bytes + kHugePageBytes - 1) / kHugePageBytes * kHugePageBytes;
  // One huge page more than needed, so that an aligned range lies inside; the rest goes back.
  const std::size_t mapped_bytes = bytes_ + kHugePageBytes;
  void* mapped =
      mmap(nullptr, mapped_bytes, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
  if (mapped == MAP_FAILED) {
    throw Error(ErrorClass::kIo,
                fmt::format("no memory for {} MB; close other programs or take a smaller batch",
                            mapped_bytes >> 20));
  }
  auto* const begin = static_cast<std::byte*>(mapped);
  const std::size_t before = -reinterpret_cast<std::uintptr_t>(begin) % kHugePageBytes;
  data_ = begin + before;
  if (before > 0) {
    munmap(begin, before);
  }
  if (before < kHugePageBytes) {
    munmap(data_ + bytes_, kHugePageBytes - before);
  }
  madvise(data_, bytes_, MADV_HUGEPAGE);  // advice: where it is refused, 4 kB pages work too
}

HugeBuffer::~HugeBuffer() {
  if (data_ != nullptr) {
    munmap(data_, bytes_);
  }
}

}  // namespace vggroove

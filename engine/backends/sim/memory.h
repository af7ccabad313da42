#pragma once

#include <cstddef>
#include <cstdint>
#include <map>
#include <string>

namespace vggroove::sim {

// Who an operation is, for messages. A kernel's name is looked up in the program's debug
// information, which takes a while: only where it is needed.
struct OperationName {
  const char* call = nullptr;    // "cudaMemcpyAsync"
  const void* kernel = nullptr;  // in place of it: the kernel's address
  std::string text() const;
};

enum class MemoryKind { kDevice, kPinned };

// What the host may do with pinned memory: copies that are under way forbid it.
enum class HostAccess { kAll, kRead, kNone };

struct Allocation {
  std::byte* begin = nullptr;
  std::size_t bytes = 0;  // as asked for
  std::size_t mapped_bytes = 0;
  MemoryKind kind = MemoryKind::kDevice;
  HostAccess host_access = HostAccess::kAll;
};

// The memory of the simulated device, and the host's page-locked memory. Fresh memory is full of
// 0xff: as floats, NaN. Pinned memory lies in pages of its own, so that the processor itself finds
// a host access that a copy under way forbids: such an access ends the program with a message.
class Memory {
 public:
  // nullptr: beyond the limit.
  void* allocate(MemoryKind kind, std::size_t bytes);
  // Throws Violation unless it is the beginning of a live allocation of this kind.
  void release(MemoryKind kind, void* begin);

  // The live allocation that holds the whole range. Throws Violation where there is none: freed,
  // beyond an end, or memory of the host.
  Allocation& at(const void* begin, std::size_t bytes, const OperationName& operation);
  // The live allocation that holds this address; nullptr: none.
  Allocation* find(const void* address);

  static void protect(Allocation& allocation, HostAccess host_access);

  void set_device_limit(std::size_t bytes) { device_limit_ = bytes; }
  std::size_t device_limit() const { return device_limit_; }
  std::size_t device_bytes() const { return device_bytes_; }
  std::string leaks() const;  // one line; empty: nothing is left

 private:
  std::map<const std::byte*, Allocation> live_;
  std::map<const std::byte*, std::size_t>
      freed_;  // bytes; no longer than their place is not reused
  std::size_t device_limit_ = std::size_t{8} << 30;
  std::size_t device_bytes_ = 0;
};

}  // namespace vggroove::sim

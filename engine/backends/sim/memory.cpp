#include "engine/backends/sim/memory.h"

#include <fmt/format.h>
#include <signal.h>
#include <sys/mman.h>
#include <unistd.h>

#include <array>
#include <atomic>
#include <cstring>
#include <iterator>
#include <mutex>

#include "engine/backends/sim/violation.h"
#include "kernels/simt/source_line.h"

namespace vggroove::sim {
namespace {

constexpr std::size_t kPageBytes = 4096;
constexpr int kFreshByte = 0xff;

// Pinned ranges for the signal handler, which may take no lock and use no container.
struct GuardedRange {
  std::atomic<std::uintptr_t> begin{0}, end{0};
};
std::array<GuardedRange, 256> guarded_ranges;
struct sigaction previous_action;

void on_segmentation_fault(int signal_number, siginfo_t* info, void*) {
  const auto address = reinterpret_cast<std::uintptr_t>(info->si_addr);
  for (const GuardedRange& range : guarded_ranges) {
    if (address >= range.begin && address < range.end) {
      constexpr char kMessage[] =
          "simulated GPU: the host touches pinned memory that a copy under way reads or writes; "
          "synchronise with its stream first\n";
      [[maybe_unused]] const ssize_t written = write(STDERR_FILENO, kMessage, sizeof kMessage - 1);
      break;
    }
  }
  sigaction(signal_number, &previous_action, nullptr);  // happens again, and is theirs now
}

void guard(std::byte* begin, std::size_t bytes) {
  static std::once_flag installed;
  std::call_once(installed, [] {
    struct sigaction action {};
    action.sa_sigaction = on_segmentation_fault;
    action.sa_flags = SA_SIGINFO;
    sigaction(SIGSEGV, &action, &previous_action);
  });
  const auto address = reinterpret_cast<std::uintptr_t>(begin);
  for (GuardedRange& range : guarded_ranges) {
    std::uintptr_t free_entry = 0;
    if (range.begin.compare_exchange_strong(free_entry, address)) {
      range.end = address + bytes;
      return;
    }
  }
}

void unguard(const std::byte* begin) {
  for (GuardedRange& range : guarded_ranges) {
    if (range.begin == reinterpret_cast<std::uintptr_t>(begin)) {
      range.end = 0;
      range.begin = 0;
    }
  }
}

int protection(HostAccess host_access) {
  switch (host_access) {
    case HostAccess::kAll:
      return PROT_READ | PROT_WRITE;
    case HostAccess::kRead:
      return PROT_READ;
    case HostAccess::kNone:
      break;
  }
  return PROT_NONE;
}

const char* kind_name(MemoryKind kind) {
  return kind == MemoryKind::kDevice ? "device" : "pinned";
}

}  // namespace

std::string OperationName::text() const {
  return kernel == nullptr ? call : "kernel " + simt::function_name(kernel);
}

void* Memory::allocate(MemoryKind kind, std::size_t bytes) {
  const bool on_device = kind == MemoryKind::kDevice;
  if (on_device && (bytes > device_limit_ || device_bytes_ > device_limit_ - bytes)) {
    return nullptr;
  }
  const std::size_t mapped_bytes = (bytes + kPageBytes - 1) / kPageBytes * kPageBytes;
  void* const mapped =
      mmap(nullptr, mapped_bytes, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
  if (mapped == MAP_FAILED) {
    return nullptr;
  }
  madvise(mapped, mapped_bytes, MADV_HUGEPAGE);  // advice: as in engine/device/huge_buffer
  std::memset(mapped, kFreshByte, mapped_bytes);
  auto* const begin = static_cast<std::byte*>(mapped);
  freed_.erase(begin);
  live_[begin] = {begin, bytes, mapped_bytes, kind, HostAccess::kAll};
  if (on_device) {
    device_bytes_ += bytes;
  } else {
    guard(begin, mapped_bytes);
  }
  return begin;
}

void Memory::release(MemoryKind kind, void* begin) {
  const auto found = live_.find(static_cast<const std::byte*>(begin));
  if (found == live_.end()) {
    const bool twice = freed_.contains(static_cast<const std::byte*>(begin));
    throw Violation(fmt::format("{} memory is freed {}", kind_name(kind),
                                twice ? "twice" : "that was never allocated"));
  }
  const Allocation allocation = found->second;
  if (allocation.kind != kind) {
    throw Violation(fmt::format("{} memory is freed as {} memory", kind_name(allocation.kind),
                                kind_name(kind)));
  }
  live_.erase(found);
  freed_[allocation.begin] = allocation.bytes;
  if (kind == MemoryKind::kDevice) {
    device_bytes_ -= allocation.bytes;
  } else {
    unguard(allocation.begin);
  }
  munmap(allocation.begin, allocation.mapped_bytes);
}

Allocation* Memory::find(const void* address) {
  auto after = live_.upper_bound(static_cast<const std::byte*>(address));
  if (after == live_.begin()) {
    return nullptr;
  }
  Allocation& allocation = std::prev(after)->second;
  return address < allocation.begin + allocation.bytes ? &allocation : nullptr;
}

Allocation& Memory::at(const void* begin, std::size_t bytes, const OperationName& operation) {
  const auto* const first = static_cast<const std::byte*>(begin);
  Allocation* const allocation = find(begin);
  if (allocation == nullptr) {
    auto after = freed_.upper_bound(first);
    const bool freed =
        after != freed_.begin() && first < std::prev(after)->first + std::prev(after)->second;
    throw Violation(fmt::format("{}: {}", operation.text(),
                                freed ? "uses memory after it was freed"
                                      : "is given an address that is neither device nor pinned "
                                        "memory"));
  }
  if (first + bytes > allocation->begin + allocation->bytes) {
    throw Violation(fmt::format(
        "{}: reaches {} bytes beyond the end of {} memory", operation.text(),
        first + bytes - (allocation->begin + allocation->bytes), kind_name(allocation->kind)));
  }
  return *allocation;
}

void Memory::protect(Allocation& allocation, HostAccess host_access) {
  if (allocation.host_access != host_access) {
    mprotect(allocation.begin, allocation.mapped_bytes, protection(host_access));
    allocation.host_access = host_access;
  }
}

std::string Memory::leaks() const {
  std::size_t count = 0, bytes = 0;
  for (const auto& [begin, allocation] : live_) {
    ++count;
    bytes += allocation.bytes;
  }
  return count == 0 ? "" : fmt::format("{} allocations ({} bytes) are never freed", count, bytes);
}

}  // namespace vggroove::sim

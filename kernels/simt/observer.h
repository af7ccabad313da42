#pragma once

#include <cstddef>
#include <cstdint>
#include <vector>

#include "kernels/simt/executor.h"
#include "kernels/simt/report.h"

namespace vggroove::simt {

struct AddressRange {
  std::uintptr_t begin = 0, end = 0;
  bool contains(std::uintptr_t address) const { return address >= begin && address < end; }
};

// Where the executor keeps what is not a kernel's global memory.
struct ExecutorMemory {
  AddressRange stacks, threads;
  AddressRange dynamic_shared;           // as large as the launch asked for
  AddressRange dynamic_shared_capacity;  // all that is reserved, from the same address on
};

// What the executor tells the checks about a launch. The checks register themselves where they are
// linked (instrumentation.cpp); without them a kernel runs unobserved. current_thread is the thread
// that causes a call, where one does.
class Observer {
 public:
  Observer() = default;
  Observer(const Observer&) = delete;
  Observer& operator=(const Observer&) = delete;
  virtual ~Observer() = default;

  virtual void launch_begins(const Launch& launch, const ExecutorMemory& memory) = 0;
  virtual void block_begins(std::uint64_t block) = 0;  // its number in the grid, x fastest
  virtual void barrier_passed() = 0;                   // by all threads of the block
  virtual void lanes_met(unsigned warp, unsigned lanes, unsigned existing_lanes,
                         WarpOperation operation) = 0;
  virtual void fenced() = 0;
  virtual void atomic(const void* address, std::size_t bytes, const void* site) = 0;
  virtual void block_ends() = 0;
  // Throws Error(kInvalid) where the launch did what it must not do; else fills in the counters.
  virtual void launch_ends(LaunchReport& report) = 0;
  virtual std::vector<LineCounts> lines() = 0;  // of the last launch
};

extern Observer* observer;  // null where there is none

}  // namespace vggroove::simt

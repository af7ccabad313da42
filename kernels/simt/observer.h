#pragma once

#include <cstddef>
#include <cstdint>

#include "kernels/simt/executor.h"
#include "kernels/simt/report.h"

namespace vggroove::simt {

// What the executor tells the checks about a launch. The checks register themselves where they are
// linked (instrumentation.cpp); without them a kernel runs unobserved.
class Observer {
 public:
  virtual ~Observer() = default;
  virtual void launch_begins(const Launch& launch) = 0;
  virtual void block_begins(std::uint64_t block, const void* dynamic_shared) = 0;
  virtual void barrier_passed() = 0;  // all threads of the block
  virtual void lanes_met(unsigned warp, unsigned lanes, WarpOperation operation) = 0;
  virtual void fenced() = 0;  // current_thread
  virtual void atomic(const void* address, std::size_t bytes, const void* site) = 0;
  virtual void block_ends() = 0;
  // Throws Error where the launch did what it must not do; else fills in the counters.
  virtual void launch_ends(LaunchReport& report) = 0;
  virtual std::vector<LineCounts> lines() = 0;  // of the last launch
};

extern Observer* observer;  // null where there is none

}  // namespace vggroove::simt

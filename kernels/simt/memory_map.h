#pragma once

#include <cstdint>
#include <vector>

#include "kernels/simt/observer.h"

namespace vggroove::simt {

// What an address is to a kernel.
enum class Memory : std::uint8_t {
  kPrivate,       // a thread's own: its stack, its parameters, its threadIdx
  kConstant,      // read-only data of the program that holds the kernel
  kShared,        // static (writable data of that program) or dynamic
  kBeyondShared,  // behind the dynamic shared memory that the launch asked for
  kGlobal,        // everything else
};

class MemoryMap {
 public:
  void launch_begins(const Launch& launch, const ExecutorMemory& memory);
  Memory kind_of(std::uintptr_t address) const;

 private:
  ExecutorMemory executor_;
  AddressRange arguments_;
  std::vector<AddressRange> writable_, read_only_;  // of the program or library with the kernel
};

}  // namespace vggroove::simt

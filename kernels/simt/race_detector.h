#pragma once

#include <array>
#include <cstdint>
#include <map>
#include <string>
#include <tuple>
#include <unordered_map>
#include <vector>

#include "kernels/simt/access_history.h"
#include "kernels/simt/executor.h"
#include "kernels/simt/memory_map.h"

namespace vggroove::simt {

enum class AccessKind : std::uint8_t { kRead, kWrite, kAtomic };

struct Access {
  std::uintptr_t address;
  std::size_t bytes;
  AccessKind kind;
  Memory memory;
  std::uint32_t site;  // number of the instruction
};

// Finds accesses of two threads to the same memory, one of them a write, that nothing orders; reads
// of shared memory that no thread of the block has written; accesses behind dynamic shared memory.
//
// What orders accesses, as in CUDA's memory model:
//   __syncthreads     all threads of a block
//   __syncwarp        the lanes of its mask. Shuffles and votes do not.
//   __threadfence and then an atomic in one thread; an atomic on the same address in another,
//   later;
//                     and what barriers connect to these two (the "last block" pattern)
// Two atomics on the same address never race. Whether threads conflict does not depend on the order
// in which the executor happens to run them, except through branches on what they read.
class RaceDetector {
 public:
  explicit RaceDetector(AccessHistory& history) : history_(history) {}

  void launch_begins(dim3 grid);
  void block_begins(std::uint64_t block, unsigned num_threads);
  void barrier_passed();
  void lanes_synchronised(unsigned warp, unsigned lanes);
  void fenced(const Thread& thread);
  void access(const Thread& thread, const Access& access);

  // One line per kind of trouble and pair of instructions, the first of each; empty is good. Looks
  // up source lines.
  std::vector<std::string> findings(const std::vector<const void*>& sites) const;

 private:
  enum class Trouble : std::uint8_t { kRace, kUninitialised, kBeyondShared };
  struct Finding {
    AccessKind kind = AccessKind::kRead;
    AccessKind past_kind = AccessKind::kRead;
    Memory memory = Memory::kGlobal;
    std::uint64_t block = 0, past_block = 0;
    unsigned thread = 0, past_thread = 0;
    std::uint64_t count = 0;
  };
  using FindingKey = std::tuple<Trouble, std::uint32_t, std::uint32_t>;  // site, past site

  // What a thread made visible by a fence and an atomic.
  struct Release {
    std::uint32_t epoch;
    std::uint16_t thread;
    std::uint32_t sequence;  // of the atomic operations on this address
  };
  struct AtomicLocation {
    std::uint32_t num_operations = 0;
    std::unordered_map<std::uint32_t, std::vector<Release>> releases;  // by block
  };
  struct Acquisition {
    const AtomicLocation* location;
    std::uint32_t before;  // sequence
    std::uint32_t epoch;
    std::uint16_t thread;
  };

  bool is_ordered(const PastAccess& past, const Thread& thread, Memory memory) const;
  bool is_acquired(const PastAccess& past, const Thread& thread) const;
  void note_atomic(const Thread& thread, std::uintptr_t address);
  void check(const PastAccess& past, AccessKind past_kind, const Thread& thread,
             const Access& access);
  void remember_read(Cell& cell, const PastAccess& now) const;
  void add(Trouble trouble, const Thread& thread, const Access& access, const PastAccess& past,
           AccessKind past_kind);

  AccessHistory& history_;
  dim3 grid_;
  std::uint32_t first_block_of_launch_ = 1, block_ = 0, epoch_ = 0;
  std::vector<std::uint64_t> block_numbers_;  // in the grid, by serial number of this launch
  // Per thread, what it knows of the lanes of its warp: their times up to which accesses are
  // ordered before its own. Its own entry is its time.
  std::vector<std::array<std::uint16_t, 32>> lane_times_;
  std::vector<bool> has_fenced_;
  std::unordered_map<std::uintptr_t, AtomicLocation> atomics_;
  std::vector<Acquisition> acquisitions_;  // of the block that runs
  std::map<FindingKey, Finding> findings_;
};

}  // namespace vggroove::simt

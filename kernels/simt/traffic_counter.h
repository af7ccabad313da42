#pragma once

#include <array>
#include <cstdint>
#include <vector>

#include "kernels/simt/access_history.h"
#include "kernels/simt/executor.h"
#include "kernels/simt/race_detector.h"
#include "kernels/simt/report.h"

namespace vggroove::simt {

// Groups the accesses of a warp's lanes into requests, as the lanes of a GPU make them together,
// and counts what each request costs. Lanes run one after another here, so they are matched
// afterwards: the n-th access of one lane by one instruction belongs with the n-th of the other
// lanes, counted from the last time that all lanes of the warp met (at a barrier or warp
// operation). Exact for loops that all lanes leave together or that hold no inner loop of varying
// length.
class TrafficCounter {
 public:
  explicit TrafficCounter(AccessHistory& history) : history_(history) {}

  void launch_begins();
  void block_begins(unsigned num_threads);
  void access(const Thread& thread, const Access& access);
  void warp_met(unsigned warp);  // all its lanes
  void barrier_passed();         // also at the end of a block

  TrafficCounts total() const;
  // By instruction: element i belongs to the access's site number i.
  const std::vector<TrafficCounts>& by_site() const { return by_site_; }
  std::uint64_t footprint_read_bytes() const;
  std::uint64_t footprint_write_bytes() const;

 private:
  struct Request {
    AccessKind kind;
    Memory memory;
    std::uint32_t lanes = 0;
    std::array<std::uint8_t, 32> bytes{};
    std::array<std::uintptr_t, 32> address{};
  };
  struct Instruction {
    std::array<std::uint32_t, 32> num_accesses{};  // by lane
    std::vector<Request> requests;
  };
  struct Warp {
    std::vector<Instruction> instructions;  // by site
    std::vector<std::uint32_t> pending;     // sites with requests
  };

  void count(std::uint32_t site, const Request& request);
  void note_footprint(const Access& access);

  AccessHistory& history_;
  std::vector<Warp> warps_;
  std::vector<TrafficCounts> by_site_;
  std::uint32_t launch_ = 0;
  std::uint64_t sectors_read_ = 0, sectors_written_ = 0;  // distinct ones
};

}  // namespace vggroove::simt

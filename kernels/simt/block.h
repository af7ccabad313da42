#pragma once

#include <cstdint>
#include <deque>
#include <random>
#include <string>
#include <vector>

#include "kernels/simt/executor.h"
#include "kernels/simt/fiber.h"
#include "kernels/simt/observer.h"
#include "kernels/simt/report.h"

namespace vggroove::simt {

// Runs the threads of one block at a time, each as a fiber, until all have ended or none can go on.
// The fibers of all blocks and launches are the same ones.
class Block {
 public:
  static constexpr unsigned kMaxThreads = 1024;

  Block();

  void set_order(Order order, std::uint64_t seed);
  // Throws Error that says where the threads are, when they cannot go on or one of them fails.
  void run(const Launch& launch, uint3 block_idx);

  // Called by the threads.
  void wait_at_barrier(const void* site);
  BarrierVotes vote_at_barrier(bool predicate, const void* site);
  WarpValues meet(unsigned mask, std::uint64_t value, WarpOperation operation, const void* site);
  [[noreturn]] void fail(const char* what, const void* site);

  AddressRange stacks() const;
  AddressRange threads() const;

 private:
  enum class State : std::uint8_t { kReady, kAtBarrier, kAtMeeting, kEnded };

  // Lanes that meet under one mask. Values of two successive meetings are kept: a lane may arrive
  // at the next one before another has read this one's values.
  struct Meeting {
    unsigned mask = 0;
    unsigned arrived = 0;
    unsigned count = 0;  // meetings completed
    WarpOperation operation = WarpOperation::kSync;
    const void* site = nullptr;
    std::uint64_t values[2][32] = {};
    unsigned votes[2] = {};
  };

  struct SimulatedThread {
    Thread thread;
    Fiber fiber;
    State state = State::kEnded;
    const void* site = nullptr;  // where it waits
    Meeting* meeting = nullptr;
  };

  // Why the threads gave the processor back to run().
  enum class Stop : std::uint8_t { kNoneReady, kTwoSites, kFailed };

  static void thread_main();
  void prepare_fibers(unsigned num_threads);
  void place_threads(const Launch& launch, uint3 block_idx);
  void take_turns();
  void go_to(SimulatedThread& next);
  void stop(Stop why);
  void let_others_run();
  void release_barrier();
  void check_same_site(const void* first, const void* second);
  Meeting& meeting_of(unsigned warp, unsigned mask);
  unsigned existing_lanes(unsigned warp) const;

  std::string where() const;   // "kernel k, block (1,0,0)"
  std::string states() const;  // what each group of threads waits for
  [[noreturn]] void report_stuck() const;

  FiberStacks stacks_;
  std::vector<SimulatedThread> threads_;  // never moved: room for kMaxThreads from the start
  std::vector<unsigned> turn_order_;
  std::vector<std::deque<Meeting>> meetings_;  // by warp
  const Launch* launch_ = nullptr;
  uint3 block_idx_{};
  Order order_ = Order::kForward;
  std::mt19937_64 random_;

  unsigned num_threads_ = 0, num_ended_ = 0, num_at_barrier_ = 0;
  unsigned turn_ = 0;
  const void* barrier_site_ = nullptr;
  unsigned barrier_count_ = 0;
  int barrier_votes_[2] = {};

  Fiber host_;  // the thread of the operating system that called run()
  SimulatedThread* running_ = nullptr;
  Stop stop_ = Stop::kNoneReady;
  const void* two_sites_[2] = {};
  const char* failure_ = nullptr;
};

}  // namespace vggroove::simt

#include "kernels/simt/executor.h"

#include <algorithm>
#include <cstring>
#include <memory>
#include <mutex>
#include <numeric>
#include <random>
#include <string>
#include <vector>

#include "base/error.h"
#include "kernels/simt/block.h"
#include "kernels/simt/dynamic_shared.h"
#include "kernels/simt/observer.h"
#include "kernels/simt/report.h"
#include "kernels/simt/source_line.h"

namespace vggroove::simt {

Thread* current_thread = nullptr;
Observer* observer = nullptr;
void (*stream_player)(StreamLaunch launch) = nullptr;

namespace {

struct Executor {
  std::mutex mutex;  // one launch at a time: static __shared__ arrays exist once
  Block block;
  DynamicShared dynamic_shared;
  Order order = Order::kForward;
  std::uint64_t seed = 1;
  LaunchReport last;
  const void* last_kernel = nullptr;
  std::vector<LaunchReport>* recording = nullptr;
};

Executor& executor() {
  static Executor instance;
  return instance;
}

#define VGGROOVE_SIMT_CALLER __builtin_extract_return_addr(__builtin_return_address(0))

// The limits that hold on each of the architectures that we compile for (sm_80 to sm_120).
constexpr std::size_t kMaxSharedBytes = 99 * 1024;  // sm_120; static memory counts too
constexpr unsigned kMaxBlockDepth = 64, kMaxGridX = 0x7fffffff, kMaxGridYz = 0xffff;

void check_launch(const Launch& launch) {
  const dim3 grid = launch.grid, block = launch.block;
  const std::uint64_t threads = std::uint64_t{block.x} * block.y * block.z;
  std::string trouble;
  if (threads == 0 || threads > Block::kMaxThreads || block.z > kMaxBlockDepth) {
    trouble = "a block of " + std::to_string(block.x) + " x " + std::to_string(block.y) + " x " +
              std::to_string(block.z) + " threads; 1 to 1024 are possible, 64 in z";
  } else if (grid.x == 0 || grid.y == 0 || grid.z == 0 || grid.x > kMaxGridX ||
             grid.y > kMaxGridYz || grid.z > kMaxGridYz) {
    trouble = "a grid of " + std::to_string(grid.x) + " x " + std::to_string(grid.y) + " x " +
              std::to_string(grid.z) + " blocks; 1 to 2147483647 x 65535 x 65535 are possible";
  } else if (launch.dynamic_shared_bytes > kMaxSharedBytes) {
    trouble = std::to_string(launch.dynamic_shared_bytes) + " bytes of dynamic shared memory; " +
              std::to_string(kMaxSharedBytes) + " exist on every architecture that we compile for";
  }
  if (!trouble.empty()) {
    throw Error(ErrorClass::kUsage,
                "kernel " + function_name(launch.kernel) + ": illegal launch: " + trouble);
  }
}

// The order in which the blocks take their turns. 0, 1, 2, ... is not stored.
std::vector<std::uint64_t> block_order(std::uint64_t num_blocks, Order order, std::uint64_t seed) {
  std::vector<std::uint64_t> blocks;
  if (order == Order::kRandom) {
    blocks.resize(num_blocks);
    std::iota(blocks.begin(), blocks.end(), 0);
    std::shuffle(blocks.begin(), blocks.end(), std::mt19937_64(seed));
  }
  return blocks;
}

ExecutorMemory memory_of(Executor& e, const Launch& launch) {
  const auto dynamic_shared = reinterpret_cast<std::uintptr_t>(e.dynamic_shared.data());
  return {
      .stacks = e.block.stacks(),
      .threads = e.block.threads(),
      .dynamic_shared = {dynamic_shared, dynamic_shared + launch.dynamic_shared_bytes},
      .dynamic_shared_capacity = {dynamic_shared, dynamic_shared + DynamicShared::kCapacityBytes}};
}

void run_blocks(Executor& e, const Launch& launch) {
  const dim3 grid = launch.grid;
  const std::uint64_t num_blocks = std::uint64_t{grid.x} * grid.y * grid.z;
  const auto random_order = block_order(num_blocks, e.order, e.seed);
  e.block.set_order(e.order, e.seed);
  for (std::uint64_t turn = 0; turn < num_blocks; ++turn) {
    const std::uint64_t i = e.order == Order::kForward   ? turn
                            : e.order == Order::kReverse ? num_blocks - 1 - turn
                                                         : random_order[turn];
    e.dynamic_shared.block_begins(launch.dynamic_shared_bytes);
    if (observer != nullptr) {
      observer->block_begins(i);
    }
    e.block.run(launch,
                {static_cast<unsigned>(i % grid.x), static_cast<unsigned>(i / grid.x % grid.y),
                 static_cast<unsigned>(i / grid.x / grid.y)});
    if (observer != nullptr) {
      observer->block_ends();
    }
  }
}

}  // namespace

void run(const Launch& launch) {
  check_launch(launch);
  Executor& e = executor();
  const std::lock_guard lock(e.mutex);
  if (observer != nullptr) {
    observer->launch_begins(launch, memory_of(e, launch));
  }
  run_blocks(e, launch);
  LaunchReport report;
  report.num_blocks = std::uint64_t{launch.grid.x} * launch.grid.y * launch.grid.z;
  report.threads_per_block = std::uint64_t{launch.block.x} * launch.block.y * launch.block.z;
  if (observer != nullptr) {
    observer->launch_ends(report);
  }
  if (e.recording != nullptr) {
    e.recording->push_back(report);
    e.recording->back().kernel = function_name(launch.kernel);
  }
  e.last = std::move(report);
  e.last_kernel = launch.kernel;
}

void barrier() {
  executor().block.wait_at_barrier(VGGROOVE_SIMT_CALLER);
}

BarrierVotes barrier_vote(bool predicate) {
  return executor().block.vote_at_barrier(predicate, VGGROOVE_SIMT_CALLER);
}

WarpValues warp_exchange(unsigned mask, std::uint64_t value, WarpOperation operation) {
  return executor().block.meet(mask, value, operation, VGGROOVE_SIMT_CALLER);
}

void thread_fence() {
  if (observer != nullptr) {
    observer->fenced();
  }
}

void note_atomic(const void* address, std::size_t bytes, const void* site) {
  if (observer != nullptr) {
    observer->atomic(address, bytes, site);
  }
}

void fail_in_thread(const char* what) {
  executor().block.fail(what, VGGROOVE_SIMT_CALLER);
}

void* dynamic_shared_memory() {
  return executor().dynamic_shared.data();
}

bool simulating() {
  return true;
}

bool counting() {
  return observer != nullptr;
}

LaunchReport last_launch() {
  Executor& e = executor();
  const std::lock_guard lock(e.mutex);
  LaunchReport report = e.last;
  report.kernel = e.last_kernel == nullptr ? "" : function_name(e.last_kernel);
  if (observer != nullptr) {
    report.lines = observer->lines();
  }
  return report;
}

LaunchRecorder::LaunchRecorder() {
  executor().recording = &launches_;
}

LaunchRecorder::~LaunchRecorder() {
  executor().recording = nullptr;
}

ThreadOrder::ThreadOrder(Order order, std::uint64_t seed)
    : previous_order_(executor().order), previous_seed_(executor().seed) {
  executor().order = order;
  executor().seed = seed;
}

ThreadOrder::~ThreadOrder() {
  executor().order = previous_order_;
  executor().seed = previous_seed_;
}

}  // namespace vggroove::simt

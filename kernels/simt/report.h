#pragma once

// What a test or a tool may ask the executor of kernels/simt: the order in which it runs threads,
// and what the last launch did. No CUDA syntax. The same tests are linked with kernels for a GPU,
// too (tests/kernels/gpu), which knows none of it: orders are the device's own there, and reports
// empty.

#include <cstdint>
#include <string>
#include <vector>

namespace vggroove::simt {

// The order in which the blocks of a launch and the threads of a block take their turns.
enum class Order {
  kForward,
  kReverse,
  kRandom,  // drawn anew for every round of turns
};

// Sets the order for as long as it lives; kForward where there is none.
class ThreadOrder {
 public:
  explicit ThreadOrder(Order order, std::uint64_t seed = 1);
  ThreadOrder(const ThreadOrder&) = delete;
  ThreadOrder& operator=(const ThreadOrder&) = delete;
  ~ThreadOrder();

 private:
  Order previous_order_;
  std::uint64_t previous_seed_;
};

// Traffic of one kind. A request is what one warp asks for with one instruction.
struct Traffic {
  std::uint64_t requests = 0;
  std::uint64_t bytes = 0;  // what the threads asked for: sum of the sizes of their accesses
  // Global memory: distinct sectors of 32 bytes, per request, summed. Shared memory: passes over
  // the 32 banks, of which a request without conflicts needs 1 (8-byte accesses 2, 16-byte accesses
  // 4).
  std::uint64_t transactions = 0;
  // The least that the same bytes could have needed. transactions - ideal_transactions are a global
  // request's wasted sectors, a shared request's bank conflicts.
  std::uint64_t ideal_transactions = 0;

  Traffic& operator+=(const Traffic& other);
  bool operator==(const Traffic&) const = default;
};

struct TrafficCounts {
  Traffic global_read, global_write, shared_read, shared_write;
  std::uint64_t atomics = 0;  // threads' atomic operations; their bytes are not in the above

  TrafficCounts& operator+=(const TrafficCounts& other);
  bool operator==(const TrafficCounts&) const = default;
};

struct LineCounts {
  std::string place;  // "kernels/dsp/logmel.cu:120"
  TrafficCounts counts;
};

struct LaunchReport {
  std::string kernel;  // "logmel_v4_kernel<float>": no namespaces, no parameters
  std::uint64_t num_blocks = 0;
  std::uint64_t threads_per_block = 0;
  // From here on, zero and empty where counting() is false.
  TrafficCounts total;
  std::uint64_t barriers = 0;  // __syncthreads, once per block
  // Bytes of distinct sectors of global memory touched in the whole launch: what would cross the
  // memory bus if the caches were perfect.
  std::uint64_t footprint_read_bytes = 0, footprint_write_bytes = 0;
  std::vector<LineCounts> lines;  // by source line
};

// Whether kernels run on a CPU.
bool simulating();

// Whether this program's kernels were built to be counted (the library
// vggroove_kernels_simt_checked).
bool counting();

// The last launch that ended without an error. Looks up source lines: tens of milliseconds.
LaunchReport last_launch();

// Keeps the reports of all launches (without their lines) while it lives: for launchers that launch
// several kernels. One at a time.
class LaunchRecorder {
 public:
  LaunchRecorder();
  LaunchRecorder(const LaunchRecorder&) = delete;
  LaunchRecorder& operator=(const LaunchRecorder&) = delete;
  ~LaunchRecorder();
  const std::vector<LaunchReport>& launches() const { return launches_; }

 private:
  std::vector<LaunchReport> launches_;
};

}  // namespace vggroove::simt

#pragma once

#include <cuda_runtime_api.h>

#include <cstddef>
#include <cstdint>
#include <functional>
#include <mutex>
#include <set>
#include <string>
#include <vector>

#include "engine/backends/sim/memory.h"

namespace vggroove::sim {

// What one operation of a stream does to memory: [begin, begin + bytes), read or written.
struct Access {
  const void* begin = nullptr;
  std::size_t bytes = 0;
  bool written = false;
};

// A copy, a kernel, a call of a library. `run` computes it, on the thread that submits it.
struct Operation {
  OperationName name;
  std::vector<Access> accesses;
  std::function<void()> run;
};

// For each stream, how many of its operations are known to have happened.
class Clock {
 public:
  std::uint64_t of(std::size_t stream) const { return stream < times_.size() ? times_[stream] : 0; }
  void advance(std::size_t stream);
  void join(const Clock& other);

 private:
  std::vector<std::uint64_t> times_;
};

// What has happened so far, for tests.
struct Counts {
  std::uint64_t operations = 0, graph_launches = 0, captured_operations = 0;
  std::uint64_t copied_to_device_bytes = 0, copied_to_host_bytes = 0;
};

// The simulated device. Operations are computed as soon as they are submitted, one at a time; what
// a real device would be free to do is found by vector clocks: two operations that touch the same
// bytes, one of them writing, must be ordered by their stream, by events, or by the host having
// waited. The host's own accesses to pinned memory are guarded by its pages (memory.h).
class Simulator {
 public:
  static Simulator& get();

  // Held by every call of the stand-ins; recursive, for operations call each other.
  std::unique_lock<std::recursive_mutex> lock() { return std::unique_lock(mutex_); }

  Memory memory;
  Counts counts;
  int library_objects = 0;  // handles, descriptors and plans of cuDNN, cuBLASLt and cuFFT

  // Every call names a live handle: a stream of this program, an event, a graph. Throw Violation.
  cudaStream_t create_stream();
  void destroy(cudaStream_t stream);
  cudaEvent_t create_event();
  void destroy(cudaEvent_t event);

  // Computes, or, on a stream that is being captured, keeps for the graph. Throws Violation where
  // an access is not inside live memory or collides with one that may still be under way.
  void submit(cudaStream_t stream, Operation operation);
  // The same for a library, which wants that nothing it writes overlaps another of its operands.
  void submit_library_call(cudaStream_t stream, Operation operation);

  void record(cudaEvent_t event, cudaStream_t stream);
  void make_wait(cudaStream_t stream, cudaEvent_t event);
  void begin_capture(cudaStream_t stream);
  // Throws Violation where this thread is capturing a stream, so that CUDA would refuse the call
  // and drop the capture: allocations, and waiting for what has not been launched.
  void forbid_in_capture(const char* call) const;
  cudaGraph_t end_capture(cudaStream_t stream);
  cudaGraphExec_t instantiate(cudaGraph_t graph);
  void destroy(cudaGraph_t graph);
  void destroy(cudaGraphExec_t graph);
  void launch(cudaGraphExec_t graph, cudaStream_t stream);

  // The host has waited for all that the stream, or the event, has before it.
  void host_waits_for(cudaStream_t stream);
  void host_waits_for(cudaEvent_t event);
  void host_waits_for_all();

  // From now on every call answers as a device that fell off the bus.
  void lose_device() { lost_ = true; }
  bool lost() const { return lost_; }
  void repair_device() { lost_ = false; }

  std::string leaks() const;  // one line; empty: everything was given back

 private:
  struct Record {
    Access access;
    std::size_t stream = 0;
    std::uint64_t time = 0;
    OperationName name;
  };

  void check_live(const Operation& operation);
  void run(CUstream_st& stream, const Operation& operation);
  void check_order(const CUstream_st& stream, const Operation& operation, const Access& access);
  void forget_what_the_host_knows();
  CUstream_st& live(cudaStream_t stream, const OperationName& operation) const;
  CUevent_st& live(cudaEvent_t event, const OperationName& operation) const;

  std::recursive_mutex mutex_;
  std::set<cudaStream_t> streams_;
  std::set<cudaEvent_t> events_;
  std::set<cudaGraph_t> graphs_;
  std::set<cudaGraphExec_t> executables_;
  std::size_t num_streams_ever_ = 0;
  Clock host_;  // one for all threads of the host: they tell each other
  std::vector<Record> under_way_;
  bool lost_ = false;
};

// Ends the program with a message at its end, where something was not given back by then.
void abort_at_exit_where_something_leaks();

}  // namespace vggroove::sim

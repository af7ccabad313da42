#include "engine/backends/sim/simulator.h"

#include <fmt/format.h>
#include <unistd.h>

#include <algorithm>
#include <cstdlib>
#include <memory>
#include <thread>

#include "engine/backends/sim/kernel_launches.h"
#include "engine/backends/sim/violation.h"

// What CUDA's handles point to, here.
struct CUgraph_st {
  std::vector<vggroove::sim::Operation> operations;
};
struct CUgraphExec_st {
  std::vector<vggroove::sim::Operation> operations;
};
struct CUstream_st {
  std::size_t index = 0;
  vggroove::sim::Clock clock;           // what is over when the next operation begins
  std::unique_ptr<CUgraph_st> capture;  // while it is captured,
  std::thread::id capturing;            // by this thread
};
struct CUevent_st {
  bool recorded = false;
  vggroove::sim::Clock clock;
};

namespace vggroove::sim {
namespace {

bool overlap(const Access& a, const Access& b) {
  const auto* const a_begin = static_cast<const std::byte*>(a.begin);
  const auto* const b_begin = static_cast<const std::byte*>(b.begin);
  return a_begin < b_begin + b.bytes && b_begin < a_begin + a.bytes;
}

template <class Handle>
void destroy_in(std::set<Handle>& all, Handle handle, const char* what) {
  if (all.erase(handle) == 0) {
    throw Violation(fmt::format("a {} is destroyed that does not exist", what));
  }
  delete handle;
}

void check_disjoint(const Operation& operation) {
  for (const Access& written : operation.accesses) {
    for (const Access& other : operation.accesses) {
      if (written.written && &written != &other && overlap(written, other)) {
        throw Violation(fmt::format("{}: what it writes overlaps another of its operands",
                                    operation.name.text()));
      }
    }
  }
}

}  // namespace

void Clock::advance(std::size_t stream) {
  times_.resize(std::max(times_.size(), stream + 1));
  ++times_[stream];
}

void Clock::join(const Clock& other) {
  times_.resize(std::max(times_.size(), other.times_.size()));
  for (std::size_t i = 0; i < other.times_.size(); ++i) {
    times_[i] = std::max(times_[i], other.times_[i]);
  }
}

Simulator& Simulator::get() {
  // Never destroyed: owners in static storage may give things back after any destructor of ours.
  static auto* const simulator = [] {
    take_kernel_launches();
    return new Simulator;
  }();
  return *simulator;
}

CUstream_st& Simulator::live(cudaStream_t stream, const OperationName& operation) const {
  if (stream == nullptr) {
    throw Violation(
        fmt::format("{}: on the default stream, which waits for every other; name a "
                    "stream",
                    operation.text()));
  }
  if (!streams_.contains(stream)) {
    throw Violation(fmt::format("{}: on a stream that does not exist", operation.text()));
  }
  return *stream;
}

CUevent_st& Simulator::live(cudaEvent_t event, const OperationName& operation) const {
  if (!events_.contains(event)) {
    throw Violation(fmt::format("{}: an event that does not exist", operation.text()));
  }
  return *event;
}

cudaStream_t Simulator::create_stream() {
  auto* const stream = new CUstream_st;
  stream->index = num_streams_ever_++;
  streams_.insert(stream);
  return stream;
}

void Simulator::destroy(cudaStream_t stream) {
  if (live(stream, {"cudaStreamDestroy"}).capture != nullptr) {
    throw Violation("a stream is destroyed while it is captured");
  }
  destroy_in(streams_, stream, "stream");
}

cudaEvent_t Simulator::create_event() {
  return *events_.insert(new CUevent_st).first;
}

void Simulator::destroy(cudaEvent_t event) {
  destroy_in(events_, event, "event");
}

void Simulator::check_live(const Operation& operation) {
  for (const Access& access : operation.accesses) {
    memory.at(access.begin, access.bytes, operation.name);
  }
}

void Simulator::submit_library_call(cudaStream_t handle, Operation operation) {
  check_live(operation);
  check_disjoint(operation);
  submit(handle, std::move(operation));
}

void Simulator::submit(cudaStream_t handle, Operation operation) {
  CUstream_st& stream = live(handle, operation.name);
  check_live(operation);
  if (stream.capture != nullptr) {
    ++counts.captured_operations;
    stream.capture->operations.push_back(std::move(operation));
    return;
  }
  run(stream, operation);
}

void Simulator::check_order(const CUstream_st& stream, const Operation& operation,
                            const Access& access) {
  for (const Record& before : under_way_) {
    const bool collide =
        (access.written || before.access.written) && overlap(access, before.access);
    if (collide && stream.clock.of(before.stream) < before.time) {
      throw Violation(fmt::format(
          "{} {} what {} {} on another stream, and nothing orders them: an event is missing",
          operation.name.text(), access.written ? "writes" : "reads", before.name.text(),
          before.access.written ? "writes" : "reads"));
    }
  }
}

void Simulator::run(CUstream_st& stream, const Operation& operation) {
  stream.clock.join(host_);
  for (const Access& access : operation.accesses) {
    memory.at(access.begin, access.bytes, operation.name);  // again: a graph runs later
    check_order(stream, operation, access);
  }
  stream.clock.advance(stream.index);
  const std::uint64_t time = stream.clock.of(stream.index);
  std::vector<Allocation*> pinned;
  for (const Access& access : operation.accesses) {
    Allocation& allocation = memory.at(access.begin, access.bytes, operation.name);
    if (allocation.kind == MemoryKind::kPinned) {
      Memory::protect(allocation, HostAccess::kAll);  // for the copy itself
    }
    under_way_.push_back({access, stream.index, time, operation.name});
  }
  operation.run();
  ++counts.operations;
  for (const Record& record : under_way_) {
    Allocation* const allocation = memory.find(record.access.begin);
    if (allocation != nullptr && allocation->kind == MemoryKind::kPinned) {
      const bool unreadable = record.access.written || allocation->host_access == HostAccess::kNone;
      Memory::protect(*allocation, unreadable ? HostAccess::kNone : HostAccess::kRead);
    }
  }
}

void Simulator::forget_what_the_host_knows() {
  std::vector<Allocation*> touched;
  std::erase_if(under_way_, [&](const Record& record) {
    const bool over = host_.of(record.stream) >= record.time;
    Allocation* const allocation = over ? memory.find(record.access.begin) : nullptr;
    if (allocation != nullptr && allocation->kind == MemoryKind::kPinned) {
      touched.push_back(allocation);
    }
    return over;
  });
  for (Allocation* const allocation : touched) {
    HostAccess host_access = HostAccess::kAll;
    for (const Record& record : under_way_) {
      if (memory.find(record.access.begin) == allocation) {
        const bool unreadable = record.access.written || host_access == HostAccess::kNone;
        host_access = unreadable ? HostAccess::kNone : HostAccess::kRead;
      }
    }
    Memory::protect(*allocation, host_access);
  }
}

void Simulator::record(cudaEvent_t event, cudaStream_t stream) {
  CUevent_st& recorded = live(event, {"cudaEventRecord"});
  const CUstream_st& source = live(stream, {"cudaEventRecord"});
  if (source.capture != nullptr) {
    throw Violation("cudaEventRecord: inside a capture, which is not simulated");
  }
  recorded.recorded = true;
  recorded.clock = source.clock;
}

void Simulator::make_wait(cudaStream_t stream, cudaEvent_t event) {
  CUstream_st& waiting = live(stream, {"cudaStreamWaitEvent"});
  const CUevent_st& awaited = live(event, {"cudaStreamWaitEvent"});
  if (!awaited.recorded) {
    throw Violation(
        "cudaStreamWaitEvent: for an event that was never recorded, which waits for "
        "nothing");
  }
  if (waiting.capture != nullptr) {
    throw Violation("cudaStreamWaitEvent: inside a capture, which is not simulated");
  }
  waiting.clock.join(awaited.clock);
}

void Simulator::begin_capture(cudaStream_t stream) {
  CUstream_st& captured = live(stream, {"cudaStreamBeginCapture"});
  if (captured.capture != nullptr) {
    throw Violation("cudaStreamBeginCapture: the stream is being captured");
  }
  captured.capture = std::make_unique<CUgraph_st>();
  captured.capturing = std::this_thread::get_id();
}

void Simulator::forbid_in_capture(const char* call) const {
  for (const cudaStream_t stream : streams_) {
    if (stream->capture != nullptr && stream->capturing == std::this_thread::get_id()) {
      throw Violation(fmt::format("{}: while this thread captures a stream", call));
    }
  }
}

cudaGraph_t Simulator::end_capture(cudaStream_t stream) {
  CUstream_st& captured = live(stream, {"cudaStreamEndCapture"});
  if (captured.capture == nullptr) {
    throw Violation("cudaStreamEndCapture: the stream is not being captured");
  }
  return *graphs_.insert(captured.capture.release()).first;
}

cudaGraphExec_t Simulator::instantiate(cudaGraph_t graph) {
  if (!graphs_.contains(graph)) {
    throw Violation("cudaGraphInstantiate: a graph that does not exist");
  }
  return *executables_.insert(new CUgraphExec_st{graph->operations}).first;
}

void Simulator::destroy(cudaGraph_t graph) {
  destroy_in(graphs_, graph, "graph");
}

void Simulator::destroy(cudaGraphExec_t graph) {
  destroy_in(executables_, graph, "graph");
}

void Simulator::launch(cudaGraphExec_t graph, cudaStream_t stream) {
  CUstream_st& target = live(stream, {"cudaGraphLaunch"});
  if (!executables_.contains(graph)) {
    throw Violation("cudaGraphLaunch: a graph that does not exist");
  }
  if (target.capture != nullptr) {
    throw Violation("cudaGraphLaunch: inside a capture, which is not simulated");
  }
  ++counts.graph_launches;
  for (const Operation& operation : graph->operations) {
    run(target, operation);
  }
}

void Simulator::host_waits_for(cudaStream_t stream) {
  const CUstream_st& awaited = live(stream, {"cudaStreamSynchronize"});
  if (awaited.capture != nullptr) {
    throw Violation("cudaStreamSynchronize: the stream is being captured");
  }
  host_.join(awaited.clock);
  forget_what_the_host_knows();
}

void Simulator::host_waits_for(cudaEvent_t event) {
  host_.join(live(event, {"cudaEventSynchronize"}).clock);
  forget_what_the_host_knows();
}

void Simulator::host_waits_for_all() {
  for (cudaStream_t stream : streams_) {
    host_.join(stream->clock);
  }
  forget_what_the_host_knows();
}

std::string Simulator::leaks() const {
  std::string text = memory.leaks();
  const auto add = [&text](std::size_t count, const char* what) {
    if (count > 0) {
      text += fmt::format("{}{} {} are never destroyed", text.empty() ? "" : "; ", count, what);
    }
  };
  add(streams_.size(), "streams");
  add(events_.size(), "events");
  add(graphs_.size() + executables_.size(), "graphs");
  add(static_cast<std::size_t>(library_objects), "handles and descriptors of libraries");
  return text;
}

void abort_at_exit_where_something_leaks() {
  [[maybe_unused]] static const int registered = std::atexit([] {
    const std::string leaks = Simulator::get().leaks();
    if (!leaks.empty()) {
      const std::string line = "simulated GPU: at the end of the program " + leaks + "\n";
      [[maybe_unused]] const ssize_t written = write(STDERR_FILENO, line.data(), line.size());
      std::abort();
    }
  });
}

}  // namespace vggroove::sim

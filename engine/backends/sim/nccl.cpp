// Stands in for NCCL: sums of floats over processes of one machine, each with a simulated device of
// its own, through memory that they share under the unique id's name. Checked: that all processes
// sum the same number of values, on live streams and in device memory, and end their groups.
#include <fcntl.h>
#include <fmt/format.h>
#include <nccl.h>
#include <sys/mman.h>
#include <time.h>
#include <unistd.h>

#include <algorithm>
#include <atomic>
#include <cstring>
#include <new>
#include <span>
#include <string>
#include <thread>
#include <vector>

#include "engine/backends/sim/simulator.h"
#include "engine/backends/sim/violation.h"

using namespace vggroove::sim;

namespace {

constexpr int kMaxRanks = 8;
constexpr std::size_t kPieceValues = std::size_t{1} << 16;

// Fresh shared memory is zero, which is the beginning of all of this.
struct Shared {
  std::atomic<int> num_there, num_rounds;
  std::atomic<bool> broken;
  std::atomic<int> sizes[kMaxRanks];  // of the group, as each rank has been told
  std::atomic<std::size_t> counts[kMaxRanks];
  float values[kMaxRanks][kPieceValues];
};
static_assert(std::atomic<std::size_t>::is_always_lock_free, "locks are of one process");

}  // namespace

struct ncclComm {
  Shared* shared = nullptr;
  int rank = 0, size = 0;

  // False: somebody has left, and never comes.
  bool wait_for_all() const {
    const int round = shared->num_rounds;
    if (++shared->num_there == size) {
      shared->num_there = 0;
      ++shared->num_rounds;
    }
    while (shared->num_rounds == round) {
      if (shared->broken) {
        return false;
      }
      std::this_thread::yield();
    }
    return true;
  }

  void sum(std::span<float> values) const {
    shared->counts[rank] = values.size();
    if (!wait_for_all()) {
      return;
    }
    for (int other = 0; other < size; ++other) {
      if (shared->counts[other] != values.size()) {
        throw Violation(fmt::format("ncclAllReduce: rank {} sums {} values, rank {} sums {}", rank,
                                    values.size(), other, shared->counts[other].load()));
      }
    }
    while (!values.empty()) {
      const std::span<float> piece = values.first(std::min(values.size(), kPieceValues));
      std::copy(piece.begin(), piece.end(), shared->values[rank]);
      if (!wait_for_all()) {
        return;
      }
      for (std::size_t i = 0; i < piece.size(); ++i) {
        piece[i] = 0;
        for (int other = 0; other < size; ++other) {
          piece[i] += shared->values[other][i];
        }
      }
      if (!wait_for_all()) {
        return;
      }
      values = values.subspan(piece.size());
    }
  }
};

namespace {

ncclResult_t close(ncclComm_t group) {
  if (group == nullptr) {
    throw Violation("NCCL: a group that is none was to be ended");
  }
  const auto lock = Simulator::get().lock();
  munmap(group->shared, sizeof(Shared));
  delete group;
  --Simulator::get().library_objects;
  return ncclSuccess;
}

}  // namespace

ncclResult_t ncclGetUniqueId(ncclUniqueId* id) {
  timespec now{};
  clock_gettime(CLOCK_REALTIME, &now);
  *id = {};
  const std::string name = fmt::format("/vggroove-sim-{}-{}-{}", getpid(), now.tv_sec, now.tv_nsec);
  std::copy(name.begin(), name.end(), id->internal);
  return ncclSuccess;
}

ncclResult_t ncclCommInitRank(ncclComm_t* group, int size, ncclUniqueId id, int rank) {
  if (rank < 0 || rank >= size || size > kMaxRanks) {
    throw Violation(fmt::format("ncclCommInitRank: rank {} of {}", rank, size));
  }
  const int file = shm_open(id.internal, O_CREAT | O_RDWR, S_IRUSR | S_IWUSR);
  if (file < 0 || ftruncate(file, sizeof(Shared)) != 0) {
    return ncclSystemError;
  }
  void* const memory = mmap(nullptr, sizeof(Shared), PROT_READ | PROT_WRITE, MAP_SHARED, file, 0);
  ::close(file);
  if (memory == MAP_FAILED) {
    return ncclSystemError;
  }
  *group = new ncclComm{static_cast<Shared*>(memory), rank, size};
  {
    const auto lock = Simulator::get().lock();
    ++Simulator::get().library_objects;
  }
  const Shared& shared = *(*group)->shared;
  (*group)->shared->sizes[rank] = size;
  (*group)->wait_for_all();
  if (rank == 0) {
    shm_unlink(id.internal);  // all have it open
  }
  for (int other = 0; other < size; ++other) {
    if (shared.sizes[other] != size) {
      throw Violation(fmt::format("ncclCommInitRank: {} processes for rank {}, {} for rank {}",
                                  size, rank, shared.sizes[other].load(), other));
    }
  }
  return ncclSuccess;
}

ncclResult_t ncclAllReduce(const void* from, void* to, std::size_t count, ncclDataType_t type,
                           ncclRedOp_t operation, ncclComm_t group, cudaStream_t stream) {
  if (type != ncclFloat32 || operation != ncclSum || from != to) {
    throw Violation("ncclAllReduce: only sums of fp32 in place are simulated");
  }
  if (group == nullptr) {
    throw Violation("ncclAllReduce: the group is none");
  }
  const std::span values(static_cast<float*>(to), count);
  const auto lock = Simulator::get().lock();
  Simulator::get().submit(stream, {.name = {.call = "ncclAllReduce"},
                                   .accesses = {{to, values.size_bytes(), true}},
                                   .run = [group, values] { group->sum(values); }});
  return ncclSuccess;
}

ncclResult_t ncclCommGetAsyncError(ncclComm_t group, ncclResult_t* error) {
  *error = group->shared->broken ? ncclRemoteError : ncclSuccess;
  return ncclSuccess;
}

ncclResult_t ncclCommDestroy(ncclComm_t group) {
  return close(group);
}
ncclResult_t ncclCommAbort(ncclComm_t group) {
  group->shared->broken = true;
  return close(group);
}

const char* ncclGetErrorString(ncclResult_t result) {
  return result == ncclRemoteError ? "remote process exited or there was a network error"
                                   : "unhandled system error";
}
const char* ncclGetLastError(ncclComm_t) {
  return "";
}

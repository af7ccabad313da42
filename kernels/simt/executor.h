#pragma once

// The part of the executor that compiled kernels call. Tests include report.h, kernels simt.h.

#include <cstddef>
#include <cstdint>
#include <tuple>
#include <type_traits>
#include <utility>
#include <vector>

#include "kernels/common/stream.h"
#include "kernels/simt/stream_player.h"
#include "kernels/simt/vector_types.h"

namespace vggroove::simt {

// A CUDA thread, as its kernel sees itself.
struct Thread {
  uint3 thread_idx, block_idx;
  dim3 block_dim, grid_dim;
  unsigned linear_idx;  // within the block
  unsigned lane() const { return linear_idx % 32; }
  unsigned warp() const { return linear_idx / 32; }
};

// The thread that runs now; null outside a kernel. One launch runs at a time (others wait), so no
// thread-local storage stands between a kernel and its threadIdx.
extern Thread* current_thread;

// __syncthreads and its variants.
void barrier();
struct BarrierVotes {
  int num_true;
  int num_threads;
};
BarrierVotes barrier_vote(bool predicate);

// One operation of a warp: the lanes of the mask meet and exchange 64 bits each.
enum class WarpOperation : std::uint8_t { kSync, kShuffle, kVote };
struct WarpValues {
  const std::uint64_t* values;  // [32], by lane; stays until the same lanes meet the next time
  unsigned votes;               // lowest bit of each lane's value, as a mask
  unsigned lanes;               // those that met
};
WarpValues warp_exchange(unsigned mask, std::uint64_t value, WarpOperation operation);

// __threadfence: between an access and an atomic, makes the access visible to whom the atomic
// tells.
void thread_fence();

// Before an atomic operation, at the instruction `site`.
void note_atomic(const void* address, std::size_t bytes, const void* site);

// Ends the launch with an error that names the kernel, the thread and its source line.
[[noreturn]] void fail_in_thread(const char* what);

void* dynamic_shared_memory();

struct Launch {
  const void* kernel;  // its address: names it in errors
  dim3 grid, block;
  std::size_t dynamic_shared_bytes;
  void (*run_thread)(const void* arguments);
  const void* arguments;
  std::size_t argument_bytes;
};
void run(const Launch& launch);

template <class T>
T* dynamic_shared() {
  return static_cast<T*>(dynamic_shared_memory());
}

template <class Param>
void note_pointer(std::vector<PointerParameter>& pointers, const Param& param) {
  if constexpr (std::is_pointer_v<Param>) {
    pointers.push_back({param, !std::is_const_v<std::remove_pointer_t<Param>>});
  }
}

template <class... Params, class... Args>
void launch(void (*kernel)(Params...), dim3 grid, dim3 block, std::size_t dynamic_shared_bytes,
            Stream stream, Args&&... args) {
  using Call = std::pair<void (*)(Params...), std::tuple<Params...>>;
  const Call call(kernel, std::tuple<Params...>(static_cast<Params>(std::forward<Args>(args))...));
  const auto run_call = [=] {
    run({.kernel = reinterpret_cast<const void*>(kernel),
         .grid = grid,
         .block = block,
         .dynamic_shared_bytes = dynamic_shared_bytes,
         .run_thread =
             [](const void* arguments) {
               const auto& [function, parameters] = *static_cast<const Call*>(arguments);
               std::apply(function, parameters);
             },
         .arguments = &call,
         .argument_bytes = sizeof call});
  };
  if (stream_player == nullptr) {
    run_call();
    return;
  }
  std::vector<PointerParameter> pointers;
  std::apply([&](const Params&... params) { (note_pointer(pointers, params), ...); }, call.second);
  stream_player({reinterpret_cast<const void*>(kernel), stream, std::move(pointers), run_call});
}

}  // namespace vggroove::simt

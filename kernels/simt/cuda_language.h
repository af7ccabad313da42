#pragma once

// simt.h for g++ and clang: the words of CUDA that our kernels use, on top of the executor.

#include <cstring>
#include <type_traits>

#include "kernels/simt/device_math.h"
#include "kernels/simt/executor.h"
#include "kernels/simt/vector_types.h"

// CUDA's built-in variables can only be macros here.

// A kernel is not inlined, so that errors can name it. Kernels belong into anonymous namespaces:
// AddressSanitizer puts red zones around their __shared__ arrays only there.
#define __global__ __attribute__((noinline))
#define __device__
#define __host__
#define __forceinline__ VGGROOVE_SIMT_INLINE
#define __launch_bounds__(...)
#define __grid_constant__
#define __align__(bytes) alignas(bytes)
// One launch runs at a time, and in it one block, so one copy of a __shared__ array serves all.
#define __shared__ static
// Only as `__constant__ const`: the checks take writable static memory for shared memory.
#define __constant__ static

#define threadIdx (::vggroove::simt::current_thread->thread_idx)
#define blockIdx (::vggroove::simt::current_thread->block_idx)
#define blockDim (::vggroove::simt::current_thread->block_dim)
#define gridDim (::vggroove::simt::current_thread->grid_dim)
inline constexpr int warpSize = 32;

namespace vggroove::simt {

template <class T>
__forceinline__ std::uint64_t to_bits(T value) {
  static_assert(sizeof(T) <= 8 && std::is_trivially_copyable_v<T>);
  std::uint64_t bits = 0;
  std::memcpy(&bits, &value, sizeof value);
  return bits;
}

template <class T>
__forceinline__ T from_bits(std::uint64_t bits) {
  T value;
  std::memcpy(&value, &bits, sizeof value);
  return value;
}

// Reads the executor's memory, which is none of the kernel's traffic.
__attribute__((noinline, no_sanitize("thread"))) inline std::uint64_t bits_of_lane(
    const WarpValues& met, unsigned source) {
  return met.values[source];
}

// What lane `source` brought; reading a lane that did not take part is undefined on a GPU.
template <class T>
__forceinline__ T value_of_lane(const WarpValues& met, unsigned source) {
  if ((met.lanes >> source & 1) == 0) {
    fail_in_thread("shuffles a value from a lane that does not take part");
  }
  return from_bits<T>(bits_of_lane(met, source));
}

// Ours alone touch memory here, so a plain read and write are atomic; the checks are told.
template <class T, class Update>
__attribute__((noinline, no_sanitize("thread"))) T atomic_update(T* address, Update update) {
  note_atomic(address, sizeof(T), __builtin_extract_return_addr(__builtin_return_address(0)));
  const T old = *address;
  *address = update(old);
  return old;
}

}  // namespace vggroove::simt

// --- barriers and fences

__forceinline__ void __syncthreads() {
  vggroove::simt::barrier();
}
__forceinline__ int __syncthreads_count(int predicate) {
  return vggroove::simt::barrier_vote(predicate != 0).num_true;
}
__forceinline__ int __syncthreads_or(int predicate) {
  return vggroove::simt::barrier_vote(predicate != 0).num_true > 0;
}
__forceinline__ int __syncthreads_and(int predicate) {
  const auto votes = vggroove::simt::barrier_vote(predicate != 0);
  return votes.num_true == votes.num_threads;
}
__forceinline__ void __syncwarp(unsigned mask = ~0u) {
  vggroove::simt::warp_exchange(mask, 0, vggroove::simt::WarpOperation::kSync);
}
__forceinline__ void __threadfence() {
  vggroove::simt::thread_fence();
}
__forceinline__ void __threadfence_block() {}

// --- shuffles: `width` (a power of two) splits the warp into segments

template <class T>
__forceinline__ T __shfl_sync(unsigned mask, T value, int source, int width = 32) {
  const auto met = vggroove::simt::warp_exchange(mask, vggroove::simt::to_bits(value),
                                                 vggroove::simt::WarpOperation::kShuffle);
  const unsigned lane = vggroove::simt::current_thread->lane();
  const unsigned segment = lane & ~static_cast<unsigned>(width - 1);
  return vggroove::simt::value_of_lane<T>(met,
                                          segment + (static_cast<unsigned>(source) & (width - 1)));
}

template <class T>
__forceinline__ T __shfl_xor_sync(unsigned mask, T value, int lane_mask, int width = 32) {
  const auto met = vggroove::simt::warp_exchange(mask, vggroove::simt::to_bits(value),
                                                 vggroove::simt::WarpOperation::kShuffle);
  const unsigned lane = vggroove::simt::current_thread->lane();
  const unsigned source = lane ^ static_cast<unsigned>(lane_mask);
  const unsigned end_of_segment = (lane & ~static_cast<unsigned>(width - 1)) + width;
  return source < end_of_segment ? vggroove::simt::value_of_lane<T>(met, source) : value;
}

template <class T>
__forceinline__ T __shfl_down_sync(unsigned mask, T value, unsigned delta, int width = 32) {
  const auto met = vggroove::simt::warp_exchange(mask, vggroove::simt::to_bits(value),
                                                 vggroove::simt::WarpOperation::kShuffle);
  const unsigned lane = vggroove::simt::current_thread->lane();
  const unsigned end_of_segment = (lane & ~static_cast<unsigned>(width - 1)) + width;
  return lane + delta < end_of_segment ? vggroove::simt::value_of_lane<T>(met, lane + delta)
                                       : value;
}

template <class T>
__forceinline__ T __shfl_up_sync(unsigned mask, T value, unsigned delta, int width = 32) {
  const auto met = vggroove::simt::warp_exchange(mask, vggroove::simt::to_bits(value),
                                                 vggroove::simt::WarpOperation::kShuffle);
  const unsigned lane = vggroove::simt::current_thread->lane();
  const unsigned segment = lane & ~static_cast<unsigned>(width - 1);
  return lane >= segment + delta ? vggroove::simt::value_of_lane<T>(met, lane - delta) : value;
}

// --- votes

__forceinline__ unsigned __ballot_sync(unsigned mask, int predicate) {
  return vggroove::simt::warp_exchange(mask, predicate != 0, vggroove::simt::WarpOperation::kVote)
      .votes;
}
__forceinline__ int __any_sync(unsigned mask, int predicate) {
  return __ballot_sync(mask, predicate) != 0;
}
__forceinline__ int __all_sync(unsigned mask, int predicate) {
  return __ballot_sync(mask, !predicate) == 0;
}

namespace vggroove::simt {
template <class T, class Combine>
__forceinline__ T reduce_lanes(unsigned mask, T value, Combine combine) {
  static_assert(std::is_same_v<T, int> || std::is_same_v<T, unsigned>);
  const auto met = warp_exchange(mask, to_bits(value), WarpOperation::kShuffle);
  unsigned rest = met.lanes;
  T result = from_bits<T>(bits_of_lane(met, __builtin_ctz(rest)));
  for (rest &= rest - 1; rest != 0; rest &= rest - 1) {
    result = combine(result, from_bits<T>(bits_of_lane(met, __builtin_ctz(rest))));
  }
  return result;
}
}  // namespace vggroove::simt

template <class T>
__forceinline__ T __reduce_add_sync(unsigned mask, T value) {
  return vggroove::simt::reduce_lanes(mask, value, [](T a, T b) { return a + b; });
}
template <class T>
__forceinline__ T __reduce_min_sync(unsigned mask, T value) {
  return vggroove::simt::reduce_lanes(mask, value, [](T a, T b) { return a < b ? a : b; });
}
template <class T>
__forceinline__ T __reduce_max_sync(unsigned mask, T value) {
  return vggroove::simt::reduce_lanes(mask, value, [](T a, T b) { return a < b ? b : a; });
}
__forceinline__ unsigned __reduce_or_sync(unsigned mask, unsigned value) {
  return vggroove::simt::reduce_lanes(mask, value, [](unsigned a, unsigned b) { return a | b; });
}

// --- atomics on int, unsigned, unsigned long long, float; each returns the old value

template <class T>
__forceinline__ T atomicAdd(T* address, std::type_identity_t<T> value) {
  return vggroove::simt::atomic_update(address, [=](T old) { return static_cast<T>(old + value); });
}
template <class T>
__forceinline__ T atomicSub(T* address, std::type_identity_t<T> value) {
  return vggroove::simt::atomic_update(address, [=](T old) { return static_cast<T>(old - value); });
}
template <class T>
__forceinline__ T atomicMax(T* address, std::type_identity_t<T> value) {
  static_assert(std::is_integral_v<T>);
  return vggroove::simt::atomic_update(address, [=](T old) { return old < value ? value : old; });
}
template <class T>
__forceinline__ T atomicMin(T* address, std::type_identity_t<T> value) {
  static_assert(std::is_integral_v<T>);
  return vggroove::simt::atomic_update(address, [=](T old) { return value < old ? value : old; });
}
template <class T>
__forceinline__ T atomicOr(T* address, std::type_identity_t<T> value) {
  return vggroove::simt::atomic_update(address, [=](T old) { return static_cast<T>(old | value); });
}
template <class T>
__forceinline__ T atomicAnd(T* address, std::type_identity_t<T> value) {
  return vggroove::simt::atomic_update(address, [=](T old) { return static_cast<T>(old & value); });
}
template <class T>
__forceinline__ T atomicExch(T* address, std::type_identity_t<T> value) {
  return vggroove::simt::atomic_update(address, [=](T) { return value; });
}
template <class T>
__forceinline__ T atomicCAS(T* address, std::type_identity_t<T> expected,
                            std::type_identity_t<T> value) {
  static_assert(std::is_integral_v<T>);
  return vggroove::simt::atomic_update(address,
                                       [=](T old) { return old == expected ? value : old; });
}

// --- loads and stores with cache hints

template <class T>
__forceinline__ T __ldg(const T* address) {
  return *address;
}
template <class T>
__forceinline__ T __ldcs(const T* address) {
  return *address;
}
template <class T>
__forceinline__ T __ldcg(const T* address) {
  return *address;
}
template <class T>
__forceinline__ void __stcs(T* address, std::type_identity_t<T> value) {
  *address = value;
}
template <class T>
__forceinline__ void __stcg(T* address, std::type_identity_t<T> value) {
  *address = value;
}

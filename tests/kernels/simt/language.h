#pragma once

#include <array>

namespace vggroove {

// What one lane of a warp of 32 sees of each operation on its lane number.
struct LaneResults {
  int shuffle, shuffle_in_8, up, up_in_8, down, down_in_8, exclusive_or, exclusive_or_in_8;
  unsigned ballot;
  int any, all, reduced_sum, reduced_max;
  int votes_in_block, block_or, block_and;
};
void warp_operations(LaneResults* results);  // [32]

// counters [8]: sums, maxima, ... of 0 .. 95 over three blocks.
struct AtomicResults {
  int sum, largest, smallest, exchanged;
  unsigned bits, masked;
  float real_sum;
  unsigned long long wide_sum;
  int compared;  // set by the one thread whose comparison holds
};
void atomics(AtomicResults* results);

// y[i] = number of the thread that has this place in a 3-dimensional grid of 3-dimensional blocks.
inline constexpr std::array<unsigned, 3> kGrid = {2, 3, 2}, kBlock = {4, 3, 2};
void places(unsigned* y);  // [2 * 3 * 2 * 4 * 3 * 2]

}  // namespace vggroove

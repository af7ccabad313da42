// The words of CUDA against their definitions in the CUDA C++ Programming Guide.

#include <gtest/gtest.h>

#include <numeric>
#include <vector>

#include "kernels/simt/report.h"
#include "tests/kernels/simt/every_order.h"
#include "tests/kernels/simt/language.h"
#include "tests/kernels/simt/sum.h"
#include "tests/support/guarded_buffer.h"

namespace vggroove {
namespace {

class Language : public testing::InEveryOrder {};
INSTANTIATE_TEST_SUITE_P(Simt, Language, testing::kEveryOrder);

TEST_P(Language, a_block_sums_with_shuffles_shared_memory_and_an_atomic) {
  testing::GuardedBuffer x(4444 * sizeof(float)), total(sizeof(float));
  std::iota(x.as<float>().begin(), x.as<float>().end(), -1000.0f);
  total.as<float>()[0] = 0;
  sum(nullptr, total.as<float>().data(), x.as<float>().data(), 4444);
  EXPECT_EQ(total.as<float>()[0], 4444 * (4443 / 2.0f - 1000));  // exact: below 2^24
  EXPECT_EQ(simt::last_launch().kernel, "sum_kernel");
  EXPECT_EQ(simt::last_launch().num_blocks, 5);
  EXPECT_EQ(simt::last_launch().threads_per_block, 256);
  EXPECT_EQ(simt::last_launch().barriers, simt::counting() ? 5 : 0);
  EXPECT_EQ(simt::last_launch().total.atomics, simt::counting() ? 5 : 0);
  EXPECT_EQ(simt::last_launch().total.global_read.bytes, simt::counting() ? x.bytes() : 0);
}

TEST_P(Language, warp_operations_exchange_lanes) {
  std::vector<LaneResults> results(32);
  warp_operations(results.data());
  EXPECT_EQ(simt::last_launch().total.global_read, simt::Traffic{});  // registers only
  for (int lane = 0; lane < 32; ++lane) {
    SCOPED_TRACE(lane);
    const LaneResults& r = results[lane];
    EXPECT_EQ(r.shuffle, 3);  // 35 % 32
    EXPECT_EQ(r.shuffle_in_8, lane / 8 * 8 + 5);
    EXPECT_EQ(r.up, lane < 3 ? lane : lane - 3);
    EXPECT_EQ(r.up_in_8, lane % 8 < 3 ? lane : lane - 3);
    EXPECT_EQ(r.down, lane + 3 > 31 ? lane : lane + 3);
    EXPECT_EQ(r.down_in_8, lane % 8 + 3 > 7 ? lane : lane + 3);
    EXPECT_EQ(r.exclusive_or, lane ^ 17);
    // Earlier segments may be read, later ones not.
    EXPECT_EQ(r.exclusive_or_in_8, (lane ^ 9) < lane / 8 * 8 + 8 ? lane ^ 9 : lane);
    EXPECT_EQ(r.ballot, 0x49249249u);
    EXPECT_EQ(r.any, 1);
    EXPECT_EQ(r.all, 0);
    EXPECT_EQ(r.reduced_sum, 31 * 16);
    EXPECT_EQ(r.reduced_max, 31);
    EXPECT_EQ(r.votes_in_block, 5);
    EXPECT_EQ(r.block_or, 1);
    EXPECT_EQ(r.block_and, 0);
  }
}

TEST_P(Language, atomics_of_all_blocks_add_up) {
  AtomicResults results{};
  results.smallest = 1000;
  results.masked = ~0u;
  atomics(&results);
  EXPECT_EQ(results.sum, 95 * 48);
  EXPECT_EQ(results.largest, 95);
  EXPECT_EQ(results.smallest, 0);
  EXPECT_EQ(results.exchanged, 4);
  EXPECT_EQ(results.bits, ~0u);
  EXPECT_EQ(results.masked, 0u);
  EXPECT_EQ(results.real_sum, 48.0f);
  EXPECT_EQ(results.wide_sum, 96ull << 32);
  EXPECT_GT(results.compared, 1000);
  EXPECT_LE(results.compared, 1096);
}

TEST_P(Language, every_place_of_a_grid_has_its_thread) {
  constexpr std::size_t kThreads = 2 * 3 * 2 * 4 * 3 * 2;
  testing::GuardedBuffer y(kThreads * sizeof(unsigned));
  places(y.as<unsigned>().data());
  for (unsigned i = 0; i < kThreads; ++i) {
    EXPECT_EQ(y.as<unsigned>()[i], i);
  }
}

}  // namespace
}  // namespace vggroove

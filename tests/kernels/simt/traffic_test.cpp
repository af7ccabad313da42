// Counters against numbers that follow from the definition of sectors and banks. Linked with
// instrumented kernels only.

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <numeric>

#include "kernels/simt/report.h"
#include "tests/kernels/simt/every_order.h"
#include "tests/kernels/simt/traffic.h"
#include "tests/support/guarded_buffer.h"

namespace vggroove {
namespace {

using simt::last_launch;
using simt::Traffic;

class TrafficIn : public testing::InEveryOrder {
 protected:
  TrafficIn() { std::iota(x_.as<float>().begin(), x_.as<float>().end(), 1.0f); }
  float* y() { return y_.as<float>().data(); }
  const float* x() { return x_.as<float>().data(); }

  testing::GuardedBuffer x_{64 * 8 * sizeof(float)}, y_{256 * sizeof(float)};
};
INSTANTIATE_TEST_SUITE_P(Simt, TrafficIn, testing::kEveryOrder);

constexpr std::uint64_t kBytes = 64 * sizeof(float);  // of one float per thread, two warps

TEST_P(TrafficIn, a_warp_of_neighbouring_floats_takes_four_sectors) {
  copy_strided(y(), x(), 1);
  const auto report = last_launch();
  EXPECT_EQ(report.total.global_read, (Traffic{2, kBytes, 8, 8}));
  EXPECT_EQ(report.total.global_write, (Traffic{2, kBytes, 8, 8}));
  EXPECT_EQ(report.footprint_read_bytes, kBytes);
  EXPECT_EQ(report.footprint_write_bytes, kBytes);
  EXPECT_EQ(report.total.shared_read, Traffic{});
  EXPECT_EQ(report.barriers, 0);
}

TEST_P(TrafficIn, a_stride_wastes_sectors) {
  copy_strided(y(), x(), 2);
  EXPECT_EQ(last_launch().total.global_read, (Traffic{2, kBytes, 16, 8}));
  copy_strided(y(), x(), 8);
  EXPECT_EQ(last_launch().total.global_read, (Traffic{2, kBytes, 64, 8}));
  EXPECT_EQ(last_launch().footprint_read_bytes, 8 * kBytes);
  EXPECT_EQ(y_.as<float>()[3], x_.as<float>()[24]);
}

TEST_P(TrafficIn, a_misaligned_warp_takes_a_fifth_sector) {
  copy_strided(y(), x() + 1, 1);
  EXPECT_EQ(last_launch().total.global_read, (Traffic{2, kBytes, 10, 8}));
}

TEST_P(TrafficIn, a_float4_is_one_access) {
  copy_quads(y(), x());
  EXPECT_EQ(last_launch().total.global_read, (Traffic{2, 4 * kBytes, 32, 32}));
  EXPECT_EQ(last_launch().total.global_write, (Traffic{2, 4 * kBytes, 32, 32}));
}

TEST_P(TrafficIn, four_floats_are_four_accesses) {
  copy_singles(y(), x());
  EXPECT_EQ(last_launch().total.global_read, (Traffic{8, 4 * kBytes, 4 * 32, 4 * 8}));
  EXPECT_EQ(last_launch().total.global_write, (Traffic{8, 4 * kBytes, 4 * 32, 4 * 8}));
}

TEST_P(TrafficIn, bfloat16_takes_half_the_sectors_and_neighbours_do_not_race) {
  testing::GuardedBuffer x(64 * sizeof(BFloat16)), y(64 * sizeof(BFloat16));
  copy_bfloat16(y.as<BFloat16>().data(), x.as<BFloat16>().data());
  EXPECT_EQ(last_launch().total.global_read, (Traffic{2, kBytes / 2, 4, 4}));
  EXPECT_EQ(last_launch().total.global_write, (Traffic{2, kBytes / 2, 4, 4}));
}

TEST_P(TrafficIn, shared_memory_conflicts_with_the_power_of_two_in_the_stride) {
  for (const auto& [stride, passes] : {std::pair{1, 1}, {2, 2}, {4, 4}, {32, 32}, {33, 1}}) {
    shared_strided(y(), stride);
    const auto report = last_launch();
    const std::uint64_t transactions = 2 * passes;
    EXPECT_EQ(report.total.shared_write, (Traffic{2, kBytes, transactions, 2})) << stride;
    EXPECT_EQ(report.total.shared_read, (Traffic{2, kBytes, transactions, 2})) << stride;
    EXPECT_EQ(report.barriers, 1);
  }
}

TEST_P(TrafficIn, shared_quads_take_four_passes_without_conflict) {
  shared_quads(y());
  EXPECT_EQ(last_launch().total.shared_write, (Traffic{2, 4 * kBytes, 8, 8}));
  EXPECT_EQ(last_launch().total.shared_read, (Traffic{2, 4 * kBytes, 8, 8}));
}

TEST_P(TrafficIn, loops_and_broadcasts_are_counted_per_warp) {
  loop_and_broadcast(y(), x());
  const auto report = last_launch();
  // One broadcast per warp; three turns of the loop in all, by whole warps.
  EXPECT_EQ(report.total.global_read, (Traffic{2 + 3, 5 * 32 * 4, 2 + 3 * 4, 2 + 3 * 4}));
  ASSERT_EQ(report.lines.size(), 3);  // the broadcast, the loop, the store
  for (const auto& line : report.lines) {
    EXPECT_THAT(line.place, ::testing::StartsWith("tests/kernels/simt/traffic.cu:"));
  }
  EXPECT_EQ(report.lines[0].counts.global_read, (Traffic{2, kBytes, 2, 2}));
  EXPECT_EQ(report.lines[1].counts.global_read, (Traffic{3, 3 * 32 * 4, 12, 12}));
  EXPECT_EQ(report.lines[2].counts.global_write, (Traffic{2, kBytes, 8, 8}));
}

}  // namespace
}  // namespace vggroove

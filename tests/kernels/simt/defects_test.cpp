// A test of the tests: each defect planted in a kernel is found, and sound kernels pass.

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <fstream>
#include <functional>
#include <numeric>
#include <string>
#include <vector>

#include "base/error.h"
#include "kernels/simt/report.h"
#include "tests/kernels/simt/defects.h"
#include "tests/support/guarded_buffer.h"
#include "tests/support/sanitized.h"

namespace vggroove {
namespace {

using simt::Order;
using ::testing::AllOf;
using ::testing::HasSubstr;

constexpr int kBlock = 64;

// "tests/kernels/simt/defects.cu:12", the line that ends in "// @name".
std::string at(const std::string& name) {
  const std::string path = "tests/kernels/simt/defects.cu", marker = "// @" + name;
  std::ifstream source(std::string(VGGROOVE_SOURCE_DIR) + '/' + path);
  int number = 1;
  for (std::string line; std::getline(source, line); ++number) {
    if (line.ends_with(marker)) {
      return path + ':' + std::to_string(number);
    }
  }
  ADD_FAILURE() << "no line is marked " << marker;
  return "";
}

// The message of the error that the launch ends with, or "".
std::string error_of(const std::function<void()>& launch) {
  try {
    launch();
  } catch (const Error& error) {
    return error.what();
  }
  return "";
}

struct MirrorBuffers {
  static constexpr int kNumBlocks = 3;
  testing::GuardedBuffer x{kNumBlocks * kBlock * sizeof(float)};
  testing::GuardedBuffer y{kNumBlocks * kBlock * sizeof(float)};
  MirrorBuffers() { std::iota(x.as<float>().begin(), x.as<float>().end(), 1.0f); }
  std::string run(Defect defect) {
    return error_of(
        [&] { mirror(y.as<float>().data(), x.as<float>().data(), kNumBlocks, defect); });
  }
};

class InEveryOrder : public ::testing::TestWithParam<Order> {
 protected:
  const simt::ThreadOrder order_{GetParam(), 3};
};
INSTANTIATE_TEST_SUITE_P(Defects, InEveryOrder,
                         ::testing::Values(Order::kForward, Order::kReverse, Order::kRandom));

TEST_P(InEveryOrder, a_sound_kernel_passes) {
  MirrorBuffers buffers;
  EXPECT_EQ(buffers.run(Defect::kNone), "");
  for (int i = 0; i < MirrorBuffers::kNumBlocks * kBlock; ++i) {
    const int mirrored = i / kBlock * kBlock + kBlock - 1 - i % kBlock;
    EXPECT_EQ(buffers.y.as<float>()[i], buffers.x.as<float>()[mirrored]);
  }
}

TEST_P(InEveryOrder, a_missing_barrier_is_a_race) {
  if (!simt::counting()) {
    GTEST_SKIP() << "races are found in the checked build";
  }
  const std::string error = MirrorBuffers().run(Defect::kMissingBarrier);
  EXPECT_THAT(error,
              AllOf(HasSubstr("kernel mirror_kernel<"), HasSubstr("shared memory"),
                    HasSubstr("nothing orders"), HasSubstr(at("write")), HasSubstr(at("read"))));
}

TEST_P(InEveryOrder, a_missing_warp_sync_is_a_race) {
  if (!simt::counting()) {
    GTEST_SKIP() << "races are found in the checked build";
  }
  const std::string error = MirrorBuffers().run(Defect::kMissingWarpSync);
  EXPECT_THAT(error, AllOf(HasSubstr("nothing orders"), HasSubstr(at("write second")),
                           HasSubstr(at("read second"))));
}

TEST_P(InEveryOrder, shared_memory_that_nothing_wrote_is_reported) {
  MirrorBuffers buffers;
  const std::string error = buffers.run(Defect::kUninitialisedShared);
  if (simt::counting()) {
    EXPECT_THAT(error,
                AllOf(HasSubstr("shared memory at " + at("read") + " that the block has not"),
                      HasSubstr("thread 58 reads"), HasSubstr("(3 times)")));
  }
}

TEST_P(InEveryOrder, blocks_that_write_the_same_place_race) {
  if (!simt::counting()) {
    GTEST_SKIP() << "races are found in the checked build";
  }
  testing::GuardedBuffer y(2 * kBlock * sizeof(float));
  EXPECT_THAT(error_of([&] { overlap_blocks(y.as<float>().data()); }),
              AllOf(HasSubstr("global memory at " + at("overlap")), HasSubstr("block (0,0,0)"),
                    HasSubstr("block (1,0,0)"), HasSubstr("(1 times)")));
}

TEST_P(InEveryOrder, the_last_block_may_read_what_others_published) {
  constexpr int kValues = 5 * kBlock;
  for (const bool with_fence : {true, false}) {
    std::vector<float> x(kValues), partial(kValues / kBlock), y(1);
    std::iota(x.begin(), x.end(), 0.0f);
    std::vector<unsigned> counter(1);
    const std::string error = error_of([&] {
      last_block_sum(y.data(), partial.data(), counter.data(), x.data(), kValues, with_fence);
    });
    if (with_fence || !simt::counting()) {
      EXPECT_EQ(error, "");
      EXPECT_EQ(y[0], kValues * (kValues - 1) / 2);
    } else {
      EXPECT_THAT(error, AllOf(HasSubstr("nothing orders"), HasSubstr(at("partial write")),
                               HasSubstr(at("partial read"))));
    }
  }
}

TEST_P(InEveryOrder, barriers_at_two_places_are_refused) {
  std::vector<float> y(kBlock);
  EXPECT_THAT(error_of([&] { divergent_barrier(y.data()); }),
              AllOf(HasSubstr("kernel divergent_barrier_kernel, block (0,0,0)"),
                    HasSubstr(at("first half")), HasSubstr(at("second half"))));
}

TEST_P(InEveryOrder, a_barrier_that_waits_for_an_ended_thread_is_refused) {
  EXPECT_THAT(error_of(barrier_after_exit),
              AllOf(HasSubstr("kernel barrier_after_exit_kernel, block ("),
                    HasSubstr("40 of 64 threads wait for ever"),
                    HasSubstr("threads 0-39 at the barrier of " + at("after exit")),
                    HasSubstr("threads 40-63 have ended")));
}

TEST_P(InEveryOrder, threads_that_wait_for_each_other_are_refused) {
  EXPECT_THAT(error_of(barrier_and_warp_sync),
              AllOf(HasSubstr("threads 0-31 at the barrier of " + at("others")),
                    HasSubstr("threads 32-47 at the warp operation of " + at("lower lanes")),
                    HasSubstr("threads 48-63 at the barrier of " + at("others"))));
}

TEST_P(InEveryOrder, warp_operations_need_all_lanes_of_their_mask) {
  std::vector<float> y(32);
  EXPECT_EQ(error_of([&] { shuffle_in_half_warp(y.data(), 0xffff); }), "");
  EXPECT_THAT(error_of([&] { shuffle_in_half_warp(y.data(), 0x1ffff); }),
              AllOf(HasSubstr("threads 0-15 at the warp operation of " + at("shuffle")),
                    HasSubstr("threads 16-31 have ended")));
  EXPECT_THAT(error_of([&] { shuffle_in_half_warp(y.data(), 0xff00); }),
              AllOf(HasSubstr("whose mask does not have its lane"), HasSubstr(at("shuffle"))));
  EXPECT_THAT(error_of([&] { shuffle_after_exit(y.data()); }),
              HasSubstr("16 of 32 threads wait for ever"));
  EXPECT_THAT(
      error_of([&] { shuffle_from_absent_lane(y.data()); }),
      AllOf(HasSubstr("kernel shuffle_from_absent_lane_kernel"),
            HasSubstr("from a lane that does not take part"), HasSubstr(at("absent lane"))));
}

TEST(Defects, the_executor_works_after_an_error) {
  EXPECT_NE(error_of(barrier_after_exit), "");
  EXPECT_EQ(MirrorBuffers().run(Defect::kNone), "");
}

TEST(Defects, illegal_launches_are_refused) {
  EXPECT_EQ(error_of([] { launch_with(1, 1, 1024, 99 * 1024); }), "");
  for (const auto& [launch, trouble] : std::vector<std::pair<std::function<void()>, std::string>>{
           {[] { launch_with(1, 1, 1025, 0); }, "a block of 1025 x 1 x 1 threads"},
           {[] { launch_with(1, 1, 0, 0); }, "a block of 0 x 1 x 1 threads"},
           {[] { launch_with(0, 1, 32, 0); }, "a grid of 0 x 1 x 1 blocks"},
           {[] { launch_with(1, 65536, 32, 0); }, "a grid of 1 x 65536 x 1 blocks"},
           {[] { launch_with(1, 1, 32, 99 * 1024 + 1); }, "101377 bytes of dynamic shared"}}) {
    EXPECT_THAT(error_of(launch),
                AllOf(HasSubstr("kernel empty_kernel: illegal launch: "), HasSubstr(trouble)));
  }
}

TEST(Defects, a_write_behind_dynamic_shared_memory_is_reported) {
  if (simt::counting()) {
    EXPECT_THAT(MirrorBuffers().run(Defect::kDynamicOffByOne),
                AllOf(HasSubstr("thread 63 writes shared memory at " + at("write beyond") +
                                " behind the dynamic shared memory"),
                      HasSubstr("(3 times)")));
  }
}

#ifdef VGGROOVE_SANITIZED
TEST(DefectsDeathTest, the_sanitizer_sees_accesses_out_of_bounds) {
  for (const Defect defect :
       {Defect::kSharedOffByOne, Defect::kGlobalOffByOne, Defect::kDynamicOffByOne}) {
    EXPECT_DEATH(
        {
          const std::vector<float> x(kBlock);
          std::vector<float> y(kBlock);
          mirror(y.data(), x.data(), 1, defect);
        },
        "mirror_kernel");
  }
}
#endif

}  // namespace
}  // namespace vggroove

// A test of the tests: each defect planted in a kernel is found, and sound kernels pass.

#include <gmock/gmock.h>
#include <gtest/gtest-spi.h>
#include <gtest/gtest.h>

#include <functional>
#include <string>
#include <vector>

#include "kernels/simt/report.h"
#include "tests/kernels/simt/defects.h"
#include "tests/kernels/simt/every_order.h"
#include "tests/kernels/simt/planted.h"
#include "tests/support/sanitized.h"

namespace vggroove {
namespace {

using ::testing::AllOf;
using ::testing::ContainsRegex;
using ::testing::HasSubstr;

using testing::at;
using testing::error_of;
using testing::MirrorBuffers;

class DefectsIn : public testing::InEveryOrder {};
INSTANTIATE_TEST_SUITE_P(Simt, DefectsIn, testing::kEveryOrder);

TEST_P(DefectsIn, a_sound_kernel_passes) {
  MirrorBuffers buffers;
  EXPECT_EQ(buffers.run(Defect::kNone), "");
  EXPECT_EQ(buffers.num_wrong(), 0);
}

// What every test of a kernel has without instrumentation: its reference, and sentinels.
TEST(Defects, a_wrong_stride_differs_from_the_reference) {
  MirrorBuffers buffers;
  buffers.run(Defect::kWrongStride);
  // The second block begins one place early, the third two; what nothing wrote is NaN.
  EXPECT_EQ(buffers.num_wrong(), 2 * kDefectBlock + 1);
}

#ifndef VGGROOVE_SANITIZED
TEST(Defects, a_write_behind_a_buffer_hits_its_sentinel) {
  EXPECT_NONFATAL_FAILURE(MirrorBuffers().run(Defect::kGlobalOffByOne), "outside a buffer of 768");
}
#endif

TEST_P(DefectsIn, barriers_at_two_places_are_refused) {
  std::vector<float> y(kDefectBlock);
  EXPECT_THAT(error_of([&] { divergent_barrier(y.data()); }),
              AllOf(HasSubstr("kernel divergent_barrier_kernel, block (0,0,0)"),
                    ContainsRegex("threads? [0-9-]+ at the barrier of " + at("first half")),
                    ContainsRegex("threads? [0-9-]+ at the barrier of " + at("second half"))));
}

TEST_P(DefectsIn, a_barrier_that_waits_for_an_ended_thread_is_refused) {
  EXPECT_THAT(error_of(barrier_after_exit),
              AllOf(HasSubstr("kernel barrier_after_exit_kernel, block ("),
                    HasSubstr("40 of 64 threads wait for ever"),
                    HasSubstr("threads 0-39 at the barrier of " + at("after exit")),
                    HasSubstr("threads 40-63 have ended")));
}

TEST_P(DefectsIn, threads_that_wait_for_each_other_are_refused) {
  EXPECT_THAT(error_of(barrier_and_warp_sync),
              AllOf(HasSubstr("threads 0-31 at the barrier of " + at("others")),
                    HasSubstr("threads 32-47 at the warp operation of " + at("lower lanes")),
                    HasSubstr("threads 48-63 at the barrier of " + at("others"))));
}

TEST_P(DefectsIn, warp_operations_need_all_lanes_of_their_mask) {
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

#ifdef VGGROOVE_SANITIZED
TEST(DefectsDeathTest, the_sanitizer_sees_accesses_out_of_bounds) {
  for (const Defect defect :
       {Defect::kSharedOffByOne, Defect::kGlobalOffByOne, Defect::kDynamicOffByOne}) {
    EXPECT_DEATH(
        {
          const std::vector<float> x(kDefectBlock);
          std::vector<float> y(kDefectBlock);
          mirror(y.data(), x.data(), 1, defect);
        },
        "out of bounds|buffer-overflow|use-after-poison");
  }
}
#endif

}  // namespace
}  // namespace vggroove

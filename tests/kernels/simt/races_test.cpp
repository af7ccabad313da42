// A test of the tests: each planted race and read of unwritten memory is found, whatever the order
// of the threads. Linked with instrumented kernels only.

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <numeric>
#include <string>
#include <vector>

#include "kernels/simt/report.h"
#include "tests/kernels/simt/defects.h"
#include "tests/kernels/simt/every_order.h"
#include "tests/kernels/simt/planted.h"
#include "tests/support/guarded_buffer.h"

namespace vggroove {
namespace {

using ::testing::AllOf;
using testing::at;
using testing::error_of;
using ::testing::HasSubstr;
using testing::MirrorBuffers;

class RacesIn : public testing::InEveryOrder {};
INSTANTIATE_TEST_SUITE_P(Simt, RacesIn, testing::kEveryOrder);

TEST_P(RacesIn, a_missing_barrier_is_a_race) {
  const std::string error = MirrorBuffers().run(Defect::kMissingBarrier);
  EXPECT_THAT(error,
              AllOf(HasSubstr("kernel mirror_kernel<"), HasSubstr("shared memory"),
                    HasSubstr("nothing orders"), HasSubstr(at("write")), HasSubstr(at("read"))));
}

TEST_P(RacesIn, a_missing_warp_sync_is_a_race) {
  const std::string error = MirrorBuffers().run(Defect::kMissingWarpSync);
  EXPECT_THAT(error, AllOf(HasSubstr("nothing orders"), HasSubstr(at("write second")),
                           HasSubstr(at("read second"))));
}

TEST_P(RacesIn, shared_memory_that_nothing_wrote_is_reported) {
  MirrorBuffers buffers;
  const std::string error = buffers.run(Defect::kUninitialisedShared);
  EXPECT_THAT(error, AllOf(HasSubstr("shared memory at " + at("read") + " that the block has not"),
                           HasSubstr("thread 58 reads"), HasSubstr("(3 times)")));
}

TEST_P(RacesIn, blocks_that_write_the_same_place_race) {
  testing::GuardedBuffer y(2 * kDefectBlock * sizeof(float));
  EXPECT_THAT(error_of([&] { overlap_blocks(y.as<float>().data()); }),
              AllOf(HasSubstr("global memory at " + at("overlap")), HasSubstr("block (0,0,0)"),
                    HasSubstr("block (1,0,0)"), HasSubstr("(1 times)")));
}

TEST_P(RacesIn, a_wrong_stride_makes_blocks_race) {
  EXPECT_THAT(MirrorBuffers().run(Defect::kWrongStride),
              AllOf(HasSubstr("global memory at " + at("write global")), HasSubstr("block (1,0,0)"),
                    HasSubstr("nothing orders the two")));
}

TEST_P(RacesIn, the_last_block_may_read_what_others_published) {
  constexpr int kValues = 5 * kDefectBlock;
  for (const bool with_fence : {true, false}) {
    std::vector<float> x(kValues), partial(kValues / kDefectBlock), y(1);
    std::iota(x.begin(), x.end(), 0.0f);
    std::vector<unsigned> counter(1);
    const std::string error = error_of([&] {
      last_block_sum(y.data(), partial.data(), counter.data(), x.data(), kValues, with_fence);
    });
    if (with_fence) {
      EXPECT_EQ(error, "");
      EXPECT_EQ(y[0], kValues * (kValues - 1) / 2);
    } else {
      EXPECT_THAT(error, AllOf(HasSubstr("nothing orders"), HasSubstr(at("partial write")),
                               HasSubstr(at("partial read"))));
    }
  }
}

TEST_P(RacesIn, a_write_behind_dynamic_shared_memory_is_reported) {
  EXPECT_THAT(MirrorBuffers().run(Defect::kDynamicOffByOne),
              AllOf(HasSubstr("thread 63 writes shared memory at " + at("write beyond") +
                              " behind the dynamic shared memory"),
                    HasSubstr("(3 times)")));
}

}  // namespace
}  // namespace vggroove

#include <gtest/gtest.h>

#include <numeric>
#include <vector>

#include "kernels/simt/report.h"
#include "tests/kernels/simt/sum.h"
#include "tests/support/guarded_buffer.h"

namespace vggroove {
namespace {

TEST(Simt, sums_in_every_thread_order) {
  for (const auto order : {simt::Order::kForward, simt::Order::kReverse, simt::Order::kRandom}) {
    const simt::ThreadOrder in_this_order(order, 7);
    testing::GuardedBuffer x(4444 * sizeof(float)), total(sizeof(float));
    std::iota(x.as<float>().begin(), x.as<float>().end(), -1000.0f);
    total.as<float>()[0] = 0;
    sum(nullptr, total.as<float>().data(), x.as<float>().data(), 4444);
    EXPECT_EQ(total.as<float>()[0], 4444 * (4443 / 2.0f - 1000));  // exact: below 2^24
    EXPECT_EQ(simt::last_launch().kernel, "sum_kernel");
    EXPECT_EQ(simt::last_launch().num_blocks, 5);
  }
}

}  // namespace
}  // namespace vggroove

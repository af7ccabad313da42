#include <gtest/gtest.h>

#include <algorithm>
#include <atomic>
#include <cstdint>
#include <limits>
#include <stdexcept>
#include <utility>
#include <vector>

#include "engine/device/huge_buffer.h"
#include "engine/device/parallel_for.h"
#include "tests/support/expect_error.h"

namespace vggroove {
namespace {

TEST(HugeBuffer, is_aligned_zeroed_and_writable_to_its_end) {
  for (const std::size_t bytes :
       {std::size_t{1}, std::size_t{2} << 20, (std::size_t{5} << 20) + 1}) {
    HugeBuffer buffer(bytes);
    ASSERT_GE(buffer.bytes(), bytes);
    EXPECT_EQ(reinterpret_cast<std::uintptr_t>(buffer.data()) % (std::size_t{2} << 20), 0u);
    EXPECT_TRUE(std::all_of(buffer.data(), buffer.data() + buffer.bytes(),
                            [](std::byte b) { return b == std::byte{0}; }));
    buffer.data()[buffer.bytes() - 1] = std::byte{1};
  }
}

TEST(HugeBuffer, moves) {
  HugeBuffer first(100);
  std::byte* const data = first.data();
  HugeBuffer second(std::move(first));
  EXPECT_EQ(second.data(), data);
  HugeBuffer third;
  third = std::move(second);
  EXPECT_EQ(third.data(), data);
}

TEST(HugeBuffer, says_when_there_is_no_memory) {
  testing::expect_error(ErrorClass::kIo, "no memory",
                        [] { HugeBuffer(std::numeric_limits<std::size_t>::max() / 4); });
}

TEST(ParallelFor, runs_every_piece_once) {
  for (const std::size_t num_pieces : {0, 1, 2, 3, 100}) {
    std::vector<std::atomic<int>> counts(num_pieces);
    parallel_for(num_pieces, [&](std::size_t piece) { ++counts[piece]; });
    for (const std::atomic<int>& count : counts) {
      EXPECT_EQ(count, 1);
    }
  }
}

TEST(ParallelFor, throws_what_a_piece_throws) {
  EXPECT_THROW(parallel_for(50,
                            [](std::size_t piece) {
                              if (piece == 20) {
                                throw std::runtime_error("piece 20");
                              }
                            }),
               std::runtime_error);
}

}  // namespace
}  // namespace vggroove

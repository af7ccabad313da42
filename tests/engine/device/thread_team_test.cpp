#include "engine/device/thread_team.h"

#include <gtest/gtest.h>

#include <atomic>
#include <stdexcept>
#include <vector>

namespace vggroove {
namespace {

TEST(ThreadTeam, runs_every_piece_once_again_and_again) {
  for (const unsigned num_threads : {1U, 2U, 5U}) {
    ThreadTeam team(num_threads);
    EXPECT_EQ(team.num_threads(), num_threads);
    for (std::size_t num_pieces = 0; num_pieces < 100; ++num_pieces) {
      std::vector<std::atomic<int>> times(num_pieces);
      team.run(num_pieces, [&](std::size_t piece, unsigned member) {
        ASSERT_LT(member, num_threads);
        ++times[piece];
      });
      for (const std::atomic<int>& count : times) {
        ASSERT_EQ(count, 1);
      }
    }
  }
}

TEST(ThreadTeam, passes_on_an_exception_and_works_on) {
  ThreadTeam team(3);
  EXPECT_THROW(team.run(100,
                        [](std::size_t piece, unsigned) {
                          if (piece == 7) {
                            throw std::runtime_error("piece 7");
                          }
                        }),
               std::runtime_error);
  std::atomic<int> pieces = 0;
  team.run(10, [&](std::size_t, unsigned) { ++pieces; });
  EXPECT_EQ(pieces, 10);
}

}  // namespace
}  // namespace vggroove

// Three processes, each of which runs this.
#include <gtest/gtest.h>

#include <cstddef>
#include <cstring>
#include <string>
#include <vector>

#include "engine/backends/processes.h"
#include "engine/device/cpu_info.h"

namespace vggroove {
namespace {

constexpr int kProcesses = 3;

// One for all tests: MPI begins and ends once in a program.
class MpiCommunicator : public ::testing::Test {
 protected:
  static void SetUpTestSuite() { processes_ = join_processes().release(); }
  static void TearDownTestSuite() { delete processes_; }
  static Communicator* processes_;
};
Communicator* MpiCommunicator::processes_ = nullptr;

TEST_F(MpiCommunicator, numbers_the_processes_as_the_launcher_does) {
  ASSERT_TRUE(find_launch());
  EXPECT_EQ(processes_->size(), kProcesses);
  EXPECT_EQ(processes_->rank(), find_launch()->rank);
  EXPECT_EQ(processes_->local_rank(), processes_->rank());  // one machine
  std::vector<double> seen(kProcesses);
  seen[static_cast<std::size_t>(processes_->rank())] = 1;
  processes_->all_reduce_sum(seen);
  EXPECT_EQ(seen, std::vector<double>(kProcesses, 1));
}

// They are not bound: all may run on all cores, and share them.
TEST_F(MpiCommunicator, divides_the_cores) {
  EXPECT_EQ(processes_->num_cores(), std::max(1U, cpu_info().num_cores / kProcesses));
}

// Small integers, so that sums are exact, in sizes around the pieces in which they travel.
template <class T>
void expect_sums(Communicator& processes, std::size_t count) {
  constexpr T kSentinel = -7;
  std::vector<T> values(count + 1, kSentinel);
  for (std::size_t i = 0; i < count; ++i) {
    values[i] = static_cast<T>(i % 1000 * (static_cast<std::size_t>(processes.rank()) + 1));
  }
  processes.all_reduce_sum(std::span(values).first(count));
  std::size_t num_wrong = 0;
  for (std::size_t i = 0; i < count; ++i) {
    num_wrong += values[i] == static_cast<T>(i % 1000 * (1 + 2 + 3)) ? 0 : 1;
  }
  EXPECT_EQ(num_wrong, 0U) << "of " << count;
  EXPECT_EQ(values.back(), kSentinel);
}

TEST_F(MpiCommunicator, sums) {
  constexpr std::size_t kPieceFloats = std::size_t{1} << 18;
  for (const std::size_t count :
       {std::size_t{0}, std::size_t{1}, kPieceFloats - 1, kPieceFloats, 2 * kPieceFloats + 1}) {
    expect_sums<float>(*processes_, count);
    expect_sums<double>(*processes_, count);
  }
}

TEST_F(MpiCommunicator, broadcasts_what_the_first_has) {
  const std::string of_first(3'000'000, 'a');  // three pieces
  std::string text(of_first.size(), processes_->rank() == 0 ? 'a' : 'b');
  processes_->broadcast(std::as_writable_bytes(std::span(text)));
  EXPECT_TRUE(text == of_first);
}

}  // namespace
}  // namespace vggroove

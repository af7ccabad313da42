#include "engine/backends/processes.h"

#include <gtest/gtest.h>

#include "tests/support/environment.h"
#include "tests/support/expect_error.h"
#include "tests/support/temporary_folder.h"

namespace vggroove {
namespace {

using testing::EnvironmentVariable;

TEST(Processes, a_program_started_by_itself_is_alone) {
  EXPECT_FALSE(find_launch());
  const auto alone = join_processes();
  EXPECT_EQ(alone->rank(), 0);
  EXPECT_EQ(alone->size(), 1);
  float value = 3;
  alone->all_reduce_sum(std::span(&value, 1));
  EXPECT_EQ(value, 3);
  EXPECT_EQ(share_of(*alone, 5), (std::pair<std::size_t, std::size_t>{0, 5}));
}

TEST(Processes, every_launcher_says_how_many_it_started) {
  const char* const variables[][3] = {{"mpirun", "OMPI_COMM_WORLD_SIZE", "OMPI_COMM_WORLD_RANK"},
                                      {"mpiexec", "PMI_SIZE", "PMI_RANK"},
                                      {"srun", "SLURM_STEP_NUM_TASKS", "SLURM_PROCID"}};
  for (const auto& [launcher, size, rank] : variables) {
    const EnvironmentVariable four(size, "4"), third(rank, "2");
    const auto launch = find_launch();
    ASSERT_TRUE(launch) << launcher;
    EXPECT_EQ(launch->launcher, launcher);
    EXPECT_EQ(launch->size, 4);
    EXPECT_EQ(launch->rank, 2);
  }
}

// mpirun -n 1 in a job step of two tasks, which only say how many machines mpirun has.
TEST(Processes, the_nearest_launcher_decides) {
  const EnvironmentVariable one("OMPI_COMM_WORLD_SIZE", "1"), tasks("SLURM_STEP_NUM_TASKS", "2");
  EXPECT_FALSE(find_launch());
}

TEST(Processes, several_need_the_plugin) {
  const testing::TemporaryFolder empty;
  const EnvironmentVariable folder("VGGROOVE_PLUGIN_DIR", empty.path().string());
  const EnvironmentVariable two("SLURM_STEP_NUM_TASKS", "2");
  testing::expect_error(
      ErrorClass::kUnsupported,
      "srun started 2 processes, but there is no libvggroove_mpi.so in " + empty.path().string(),
      [] { join_processes(); });
}

}  // namespace
}  // namespace vggroove

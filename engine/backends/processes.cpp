#include "engine/backends/processes.h"

#include <fmt/format.h>

#include <charconv>
#include <cstdlib>
#include <filesystem>
#include <string_view>

#include "base/error.h"
#include "engine/backends/plugin_loader.h"

namespace vggroove {
namespace {

// The number in a variable; 0 where there is none.
int number_in(const char* variable) {
  const char* const text = std::getenv(variable);
  int number = 0;
  if (text != nullptr) {
    const std::string_view digits = text;
    std::from_chars(digits.data(), digits.data() + digits.size(), number);
  }
  return number;
}

}  // namespace

std::optional<Launch> find_launch() {
  struct Variables {
    const char *launcher, *size, *rank;
  };
  // The nearest one first: a batch job's own variables stay where mpirun starts the processes.
  // srun's are those of the step: a job of four tasks is not yet four processes.
  for (const Variables& known :
       {Variables{"mpirun", "OMPI_COMM_WORLD_SIZE", "OMPI_COMM_WORLD_RANK"},
        Variables{"mpiexec", "PMI_SIZE", "PMI_RANK"},
        Variables{"srun", "SLURM_STEP_NUM_TASKS", "SLURM_PROCID"}}) {
    if (const int size = number_in(known.size); size > 0) {
      return size == 1 ? std::nullopt
                       : std::optional(Launch{known.launcher, number_in(known.rank), size});
    }
  }
  return std::nullopt;
}

std::unique_ptr<Communicator> join_processes() {
  const std::optional<Launch> launch = find_launch();
  if (!launch) {
    return std::make_unique<SingleProcess>();
  }
  const std::filesystem::path file = find_plugin("mpi");
  if (file.empty()) {
    throw Error(ErrorClass::kUnsupported,
                fmt::format("{} started {} processes, but there is no libvggroove_mpi.so in {}; it "
                            "comes with builds made where MPI is (Debian: libopenmpi-dev); start "
                            "one process, without {}",
                            launch->launcher, launch->size, plugin_places(), launch->launcher));
  }
  const PluginEntry& entry = open_plugin_entry(file);
  if (entry.connect == nullptr) {
    throw Error(ErrorClass::kUnsupported, file.string() + ": joins no processes");
  }
  std::unique_ptr<Communicator> processes = entry.connect();
  if (processes->size() != launch->size) {
    throw Error(ErrorClass::kUnsupported,
                fmt::format("{} started {} processes, but MPI sees {}: the launcher belongs to "
                            "another MPI than the one that vggroove was built with; use that one's "
                            "mpirun, or srun --mpi=pmix",
                            launch->launcher, launch->size, processes->size()));
  }
  return processes;
}

}  // namespace vggroove

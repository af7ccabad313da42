#pragma once

#include <memory>
#include <optional>
#include <string>

#include "engine/device/communicator.h"

namespace vggroove {

// What a launcher (mpirun, mpiexec, srun) that started this program as several processes says of
// this one, in variables of the environment.
struct Launch {
  std::string launcher;  // "mpirun"
  int rank = 0, size = 0;
};

// Nothing where the program was started by itself, or as the only one.
std::optional<Launch> find_launch();

// The processes that were started together with this one; alone, a SingleProcess, and nothing is
// loaded. Called at most once. Throws Error(kUnsupported) where a launcher started several but
// libvggroove_mpi.so is missing, cannot be loaded, or sees other processes than the launcher.
std::unique_ptr<Communicator> join_processes();

}  // namespace vggroove

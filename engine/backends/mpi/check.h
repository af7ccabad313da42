#pragma once

#include <mpi.h>

namespace vggroove::mpi {

// Throws Error(kIo) that names the call, MPI's reason and the place, unless the call succeeded.
void check(int result, const char* call, const char* file, int line);

}  // namespace vggroove::mpi

#define VGGROOVE_MPI(call) ::vggroove::mpi::check((call), #call, __FILE__, __LINE__)

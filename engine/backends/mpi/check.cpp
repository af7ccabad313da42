#include "engine/backends/mpi/check.h"

#include <fmt/format.h>

#include <array>
#include <string_view>

#include "base/error.h"

namespace vggroove::mpi {

void check(int result, const char* call, const char* file, int line) {
  if (result == MPI_SUCCESS) {
    return;
  }
  std::array<char, MPI_MAX_ERROR_STRING> reason{};
  int length = 0;
  MPI_Error_string(result, reason.data(), &length);
  const std::string_view whole_call = call, path = file;
  throw Error(ErrorClass::kIo,
              fmt::format("MPI: {}: {} ({}:{})", whole_call.substr(0, whole_call.find('(')),
                          reason.data(), path.substr(path.rfind('/') + 1), line));
}

}  // namespace vggroove::mpi

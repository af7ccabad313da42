#include <cstddef>
#include <cstdint>
#include <cstdlib>

#include "base/error.h"
#include "tests/fuzz/memory_file.h"
#include "weights/npz.h"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  using namespace vggroove;
  const MemoryFile input(data, size);
  try {
    for (const auto& [name, array] : weights::read_npz(input.path())) {
      // Deflate packs 1032 : 1 at best (the slack is for members of a few bytes).
      if (array.tensor.data.size() > 1032 * (size + 4096)) {
        std::abort();
      }
    }
  } catch (const Error&) {
    // What bytes that are no archive of arrays are meant to end in.
  }
  return 0;
}

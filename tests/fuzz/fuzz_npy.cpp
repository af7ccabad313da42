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
    const weights::NpyArray array = weights::read_npy(input.path());
    const auto num_values = static_cast<std::uint64_t>(weights::num_elements(array.tensor.shape));
    const std::uint64_t num_held =
        array.is_text ? array.strings.size()
                      : array.tensor.data.size() / weights::dtype_bytes(array.tensor.dtype);
    if (num_held != num_values) {
      std::abort();  // the array does not have the elements of its shape
    }
  } catch (const Error&) {
    // What bytes that are no array are meant to end in.
  }
  return 0;
}

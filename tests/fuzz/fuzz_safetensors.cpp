#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <vector>

#include "base/error.h"
#include "tests/fuzz/memory_file.h"
#include "weights/model_file.h"
#include "weights/safetensors.h"

// Everything that opens must be readable to its last byte, and no two tensors may share one.
extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  using namespace vggroove;
  const MemoryFile input(data, size);
  try {
    const weights::SafetensorsFile file = weights::SafetensorsFile::open(input.path());
    std::uint64_t sum_bytes = 0;
    for (const auto& [name, entry] : file.tensors()) {
      std::vector<std::byte> bytes(entry.size_bytes);
      file.read(entry, 0, bytes);
      sum_bytes += bytes.size();
      const auto num_values = static_cast<std::uint64_t>(weights::num_elements(entry.shape));
      if (num_values * weights::dtype_bytes(entry.dtype) != entry.size_bytes) {
        std::abort();
      }
    }
    if (sum_bytes > size) {
      std::abort();
    }
  } catch (const Error&) {
    // What bytes that are no safetensors file are meant to end in.
  }
  try {
    const weights::ModelFile model = weights::ModelFile::open(input.path());
    for (const weights::TensorHeader& tensor : model.tensors()) {
      model.read_all(tensor.name);
    }
  } catch (const Error&) {
    // The same, and tensors that are not floating point.
  }
  return 0;
}

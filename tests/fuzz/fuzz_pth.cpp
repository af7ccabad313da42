#include <cstddef>
#include <cstdint>
#include <span>
#include <vector>

#include "base/error.h"
#include "tests/fuzz/foreign_file.h"
#include "weights/import/open_source.h"
#include "weights/import/torch_tensors.h"

namespace {

using namespace vggroove::weights;

// The pickle alone: in a zip its checksum would keep changes from getting this far.
void read_pickle(std::span<const std::byte> bytes) {
  constexpr std::int64_t kMaxElements = 1 << 20;
  const PickleResult pickle = unpickle(bytes, "fuzz");
  for (const TorchTensor& tensor : torch_tensors(pickle.root, "fuzz")) {
    if (tensor.array_bytes != nullptr) {
      gather_elements(tensor, {});
    } else if (tensor.storage_elements <= kMaxElements) {
      const auto count = static_cast<std::size_t>(tensor.end_element() - tensor.offset);
      const std::vector<std::byte> storage(count * dtype_bytes(tensor.dtype));
      gather_elements(tensor, storage);
    }
  }
}

}  // namespace

// A file of either form, or the pickle of one.
extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const std::span<const std::byte> bytes(reinterpret_cast<const std::byte*>(data), size);
  try {
    read_pickle(bytes);
  } catch (const vggroove::Error&) {
  }
  const fuzz::MemoryFile file(bytes);
  try {
    fuzz::read_tensors(*open_tensor_source(file.path()));
  } catch (const vggroove::Error&) {
    // What bytes that are no such file are meant to end in.
  }
  return 0;
}

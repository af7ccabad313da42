#include <cstddef>
#include <cstdint>
#include <vector>

#include "base/error.h"
#include "tests/fuzz/foreign_file.h"
#include "weights/import/tf_checkpoint.h"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  using namespace vggroove::weights;
  const auto* bytes = reinterpret_cast<const std::byte*>(data);
  std::vector<std::byte> repaired(bytes, bytes + size);
  fuzz::repair_checksums(repaired);
  const fuzz::MemoryFile file(repaired);
  try {
    fuzz::read_tensors(*open_tf_checkpoint(file.path()));
  } catch (const vggroove::Error&) {
    // What bytes that are no checkpoint are meant to end in.
  }
  return 0;
}

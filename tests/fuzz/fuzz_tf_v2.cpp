#include <cstddef>
#include <cstdint>
#include <cstring>
#include <fstream>
#include <vector>

#include "base/error.h"
#include "tests/fuzz/foreign_file.h"
#include "tests/support/temporary_folder.h"
#include "weights/import/tf_checkpoint.h"

// The input: 4 bytes that say how long the index file is, the index file, the one data file.
extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  using namespace vggroove::weights;
  static const vggroove::testing::TemporaryFolder folder;
  std::uint32_t index_bytes = 0;
  if (size < sizeof(index_bytes)) {
    return 0;
  }
  std::memcpy(&index_bytes, data, sizeof(index_bytes));
  const auto* bytes = reinterpret_cast<const std::byte*>(data);
  std::vector<std::byte> rest(bytes + sizeof(index_bytes), bytes + size);
  if (index_bytes > rest.size()) {
    return 0;
  }
  fuzz::repair_checksums(std::span(rest).first(index_bytes));
  const char* text = reinterpret_cast<const char*>(rest.data());
  std::ofstream(folder / "m.index", std::ios::binary).write(text, index_bytes);
  std::ofstream(folder / "m.data-00000-of-00001", std::ios::binary)
      .write(text + index_bytes, static_cast<std::streamsize>(rest.size() - index_bytes));
  try {
    fuzz::read_tensors(*open_tf_checkpoint(folder / "m.index"));
  } catch (const vggroove::Error&) {
    // What bytes that are no checkpoint are meant to end in.
  }
  return 0;
}

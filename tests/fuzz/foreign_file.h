#pragma once

#include <sys/mman.h>
#include <unistd.h>

#include <bit>
#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <cstring>
#include <span>
#include <string>
#include <vector>

#include "weights/import/crc32c.h"
#include "weights/import/import_model.h"
#include "weights/import/tensor_source.h"
#include "weights/import/wire_reader.h"

// What the harnesses of the importers share.
namespace vggroove::weights::fuzz {

// A file in memory with a path, as long as this object exists.
class MemoryFile {
 public:
  explicit MemoryFile(std::span<const std::byte> bytes)
      : descriptor_(memfd_create("fuzz", MFD_CLOEXEC)) {
    if (descriptor_ < 0 ||
        ::write(descriptor_, bytes.data(), bytes.size()) != static_cast<ssize_t>(bytes.size())) {
      std::abort();
    }
  }
  ~MemoryFile() { ::close(descriptor_); }
  MemoryFile(const MemoryFile&) = delete;
  MemoryFile& operator=(const MemoryFile&) = delete;
  std::string path() const { return "/proc/self/fd/" + std::to_string(descriptor_); }

 private:
  int descriptor_;
};

// Reads the first tensors; each must have the size that its shape and type say.
inline void read_tensors(TensorSource& source) {
  std::size_t left = 32;
  for (const ForeignTensor& listed : source.tensors()) {
    if (left-- == 0) {
      break;
    }
    try {
      const Tensor tensor = source.read(listed.name);
      if (tensor.data.size() !=
          static_cast<std::size_t>(num_elements(tensor.shape)) * dtype_bytes(tensor.dtype)) {
        std::abort();
      }
    } catch (const Error&) {
      // One damaged tensor does not keep the others from being read.
    }
  }
  match_tensors(source);
}

// Gives the blocks of a table the checksums that they should have: a fuzzer that has to guess them
// never gets past them.
inline void repair_checksums(std::span<std::byte> file) {
  constexpr std::size_t kFooterBytes = 48;
  if (file.size() < kFooterBytes) {
    return;
  }
  const auto repair = [&](std::span<const std::byte>& place) -> std::span<const std::byte> {
    std::uint64_t offset = 0, size = 0;
    if (!take_varint(place, offset) || !take_varint(place, size) || offset > file.size() ||
        size > file.size() - offset || file.size() - offset - size < 5) {
      return {};
    }
    const auto block =
        file.subspan(static_cast<std::size_t>(offset), static_cast<std::size_t>(size));
    const std::uint32_t crc = std::rotr(crc32c({block.data(), block.size() + 1}), 15) + 0xa282ead8U;
    std::memcpy(block.data() + block.size() + 1, &crc, sizeof(crc));
    return block;
  };
  std::span<const std::byte> footer = file.last(kFooterBytes);
  repair(footer);
  std::span<const std::byte> index = repair(footer);
  for (int entry = 0; entry < 100; ++entry) {
    std::uint64_t shared = 0, other = 0, value_bytes = 0;
    if (!take_varint(index, shared) || !take_varint(index, other) ||
        !take_varint(index, value_bytes) || other > index.size() ||
        value_bytes > index.size() - other) {
      return;
    }
    std::span<const std::byte> place =
        index.subspan(static_cast<std::size_t>(other), static_cast<std::size_t>(value_bytes));
    repair(place);
    index = index.subspan(static_cast<std::size_t>(other + value_bytes));
  }
}

}  // namespace vggroove::weights::fuzz

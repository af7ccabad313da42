#pragma once

#include <cstddef>
#include <cstdint>
#include <filesystem>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "weights/import/pickle.h"
#include "weights/import/tensor_source.h"

namespace vggroove::weights {

// A tensor in a pickle of torch's: a view of a storage, element (i, j, ...) at
// offset + i * strides[0] + j * strides[1] + ...; or a NumPy array, whose bytes the pickle holds.
struct TorchTensor {
  std::string name;
  DType dtype = DType::kF32;
  Shape shape;
  // A view of a storage:
  std::string storage_key;
  std::int64_t storage_elements = 0;  // as the pickle says
  std::int64_t offset = 0;            // elements
  std::vector<std::int64_t> strides;  // elements
  // A NumPy array:
  const std::string* array_bytes = nullptr;
  bool is_fortran_order = false;

  std::int64_t end_element() const;  // behind the last element of the storage that the view touches
  bool is_whole_storage() const;     // all of it, in row-major order
};

// More than any list of tensors needs: VGGish's has 2.5 kB, its PCA parameters as arrays 250 kB.
inline constexpr std::uint64_t kMaxPickleBytes = std::uint64_t{16} << 20;

// The tensors of a state dictionary: {name: tensor}, or such a dictionary under "state_dict",
// "model_state_dict" or "model" of a training checkpoint. Other values are passed over. Every view
// lies inside its storage and has no more elements than it.
// Throws Error, beginning with `place`: kUnsupported (no tensors in it), kCorrupt.
std::vector<TorchTensor> torch_tensors(PickleRef root, std::string_view place);

std::vector<ForeignTensor> listed(const std::vector<TorchTensor>& tensors);

// The values in row-major order, for a view from the bytes of its storage from `offset` on; the
// caller has checked that they reach to end_element(). For an array from its own bytes.
std::vector<std::byte> gather_elements(const TorchTensor& tensor,
                                       std::span<const std::byte> from_offset);

}  // namespace vggroove::weights

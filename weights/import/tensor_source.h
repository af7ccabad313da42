#pragma once

#include <cstdint>
#include <filesystem>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "weights/dtype.h"

namespace vggroove::weights {

// What a file of another program says about one of its tensors.
struct ForeignTensor {
  std::string name;
  std::optional<DType> dtype;  // nothing: a type that DType lacks (text, complex numbers, ...)
  Shape shape;
};

// A file of another program, opened: it lists its tensors and reads one at a time, so that nobody
// has to hold 289 MB. Names, layouts and types are the file's own; whether they make up a network
// is the caller's question. Nothing is allocated on a foreign file's word alone.
class TensorSource {
 public:
  virtual ~TensorSource() = default;
  virtual const std::filesystem::path& path() const = 0;
  virtual const std::vector<ForeignTensor>& tensors() const = 0;

  // The tensor in row-major order. Throws Error: kUsage where the file has none of that name,
  // kUnsupported (its type), kCorrupt.
  virtual Tensor read(std::string_view name) = 0;
};

// The position of `name` in `tensors`. Throws Error(kUsage) where it is missing.
std::size_t find_tensor(const std::filesystem::path& path,
                        const std::vector<ForeignTensor>& tensors, std::string_view name);

// num_elements(), whose errors begin with `place` here.
std::int64_t checked_num_elements(const Shape& shape, std::string_view place);

// The bytes of a whole tensor. Throws Error(kUnsupported) where its type is unknown, and
// Error(kCorrupt) where it is larger than `limit_bytes`, which the caller derives from the file.
std::uint64_t tensor_bytes(const std::filesystem::path& path, const ForeignTensor& tensor,
                           std::uint64_t limit_bytes);

}  // namespace vggroove::weights

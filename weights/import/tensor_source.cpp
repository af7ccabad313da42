#include "weights/import/tensor_source.h"

#include <fmt/format.h>

#include <algorithm>

#include "base/error.h"
#include "weights/foreign_text.h"

namespace vggroove::weights {

std::size_t find_tensor(const std::filesystem::path& path,
                        const std::vector<ForeignTensor>& tensors, std::string_view name) {
  const auto found = std::ranges::find(tensors, name, &ForeignTensor::name);
  if (found == tensors.end()) {
    throw Error(ErrorClass::kUsage,
                fmt::format("{}: no tensor {}", path.string(), quoted_name(name)));
  }
  return static_cast<std::size_t>(found - tensors.begin());
}

std::int64_t checked_num_elements(const Shape& shape, std::string_view place) {
  try {
    return num_elements(shape);
  } catch (const Error& error) {
    throw Error(error.error_class(), fmt::format("{}: {}", place, error.what()));
  }
}

std::uint64_t tensor_bytes(const std::filesystem::path& path, const ForeignTensor& tensor,
                           std::uint64_t limit_bytes) {
  if (!tensor.dtype) {
    throw Error(ErrorClass::kUnsupported, fmt::format("{}: tensor {} is of a type that is not read",
                                                      path.string(), quoted_name(tensor.name)));
  }
  const auto count = static_cast<std::uint64_t>(num_elements(tensor.shape));
  const std::uint64_t element_bytes = dtype_bytes(*tensor.dtype);
  if (count > limit_bytes / element_bytes) {
    throw Error(ErrorClass::kCorrupt,
                fmt::format("{}: tensor {} of shape {} is larger than the file can hold",
                            path.string(), quoted_name(tensor.name), shape_text(tensor.shape)));
  }
  return count * element_bytes;
}

}  // namespace vggroove::weights

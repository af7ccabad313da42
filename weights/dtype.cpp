#include "weights/dtype.h"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <array>

#include "base/error.h"

namespace vggroove::weights {
namespace {

struct DTypeEntry {
  std::size_t bytes;
  std::string_view name;
};
// In the order of DType.
constexpr std::array<DTypeEntry, 10> kDTypes{{{4, "F32"},
                                              {8, "F64"},
                                              {2, "F16"},
                                              {2, "BF16"},
                                              {8, "I64"},
                                              {4, "I32"},
                                              {2, "I16"},
                                              {1, "I8"},
                                              {1, "U8"},
                                              {1, "BOOL"}}};

}  // namespace

std::size_t dtype_bytes(DType dtype) {
  return kDTypes[static_cast<std::size_t>(dtype)].bytes;
}
std::string_view dtype_name(DType dtype) {
  return kDTypes[static_cast<std::size_t>(dtype)].name;
}

std::int64_t num_elements(const Shape& shape) {
  constexpr std::int64_t kLimit = std::int64_t{1} << 62;
  std::int64_t product = 1;
  for (const std::int64_t extent : shape) {
    if (extent < 0 || (extent != 0 && product > kLimit / extent)) {
      throw Error(ErrorClass::kCorrupt, "impossible tensor shape " + shape_text(shape));
    }
    product *= extent;
  }
  return product;
}

std::string shape_text(const Shape& shape) {
  return fmt::format("[{}]", fmt::join(shape, ", "));
}

}  // namespace vggroove::weights

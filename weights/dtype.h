#pragma once

#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

namespace vggroove::weights {

enum class DType { kF32, kF64, kF16, kBf16, kI64, kI32, kI16, kI8, kU8, kBool };

std::size_t dtype_bytes(DType dtype);
std::string_view dtype_name(DType dtype);  // as safetensors spells it: "F32", "BF16", ...

using Shape = std::vector<std::int64_t>;

// Product of the extents. Throws Error(kCorrupt) on a negative extent or where the product
// overflows 2^62, so a malicious header cannot wrap around.
std::int64_t num_elements(const Shape& shape);
std::string shape_text(const Shape& shape);  // "[3, 3, 64, 128]"

// A tensor without its values.
struct TensorHeader {
  std::string name;
  DType dtype = DType::kF32;
  Shape shape;
};

// A tensor held in memory: what an importer makes and a writer takes.
struct Tensor {
  std::string name;
  DType dtype = DType::kF32;
  Shape shape;                  // row-major
  std::vector<std::byte> data;  // num_elements(shape) * dtype_bytes(dtype), little endian
};

}  // namespace vggroove::weights

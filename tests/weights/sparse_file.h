#pragma once

#include <cstdint>
#include <cstring>
#include <filesystem>
#include <map>
#include <nlohmann/json.hpp>
#include <string>
#include <vector>

#include "tests/weights/golden.h"
#include "weights/model_file.h"

namespace vggroove::weights::testing {

// Writes a safetensors file of zeros as a header and a hole: a network of 289 MB takes 4 kB of disk
// and no time.
inline void put_sparse(const std::filesystem::path& path, const std::vector<TensorHeader>& tensors,
                       const std::map<std::string, std::string>& metadata = {}) {
  nlohmann::json header = nlohmann::json::object();
  if (!metadata.empty()) {
    header["__metadata__"] = metadata;
  }
  std::uint64_t end = 0;
  for (const TensorHeader& tensor : tensors) {
    const std::uint64_t begin = end;
    end += static_cast<std::uint64_t>(num_elements(tensor.shape)) * dtype_bytes(tensor.dtype);
    header[tensor.name] = {{"dtype", dtype_name(tensor.dtype)},
                           {"shape", tensor.shape},
                           {"data_offsets", {begin, end}}};
  }
  const std::string text = header.dump();
  const std::uint64_t length = text.size();
  std::string bytes(8, '\0');
  std::memcpy(bytes.data(), &length, 8);
  put(path, bytes + text);
  std::filesystem::resize_file(path, 8 + length + end);
}

inline std::vector<TensorHeader> network_headers(DType dtype = DType::kF32) {
  std::vector<TensorHeader> headers;
  for (const TensorSpec& spec : vggish_tensors()) {
    headers.push_back({std::string(spec.name), dtype, spec.shape});
  }
  return headers;
}

}  // namespace vggroove::weights::testing

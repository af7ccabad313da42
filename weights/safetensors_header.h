#pragma once

#include <cstdint>
#include <filesystem>
#include <functional>
#include <map>
#include <string>
#include <string_view>

#include "weights/safetensors.h"

namespace vggroove::weights {

inline constexpr const char* kSafetensorsMetadataKey = "__metadata__";

struct SafetensorsHeader {
  std::map<std::string, SafetensorsEntry, std::less<>> tensors;  // begin_byte counts from the data
  std::map<std::string, std::string, std::less<>> metadata;
};

// Parses the JSON header of `path`, whose data have `data_bytes` bytes. Each tensor's offsets lie
// inside the data and fit its shape and dtype; coverage is the caller's business. Works event by
// event, so memory stays in proportion to the header whatever it nests.
// Throws Error: kCorrupt, kUnsupported, naming `path` and the byte or the tensor.
SafetensorsHeader parse_safetensors_header(const std::filesystem::path& path, std::string_view text,
                                           std::uint64_t data_bytes);

}  // namespace vggroove::weights

#pragma once

#include <cstddef>
#include <cstdint>
#include <span>

namespace vggroove::weights {

// CRC-32C (Castagnoli) of the bytes.
std::uint32_t crc32c(std::span<const std::byte> bytes);

// Whether `stored` is the CRC-32C of the bytes as LevelDB and TensorFlow store it: rotated by 15
// bits plus a constant, so that a checksum of data which hold checksums is no special case.
bool matches_masked_crc32c(std::span<const std::byte> bytes, std::uint32_t stored);

}  // namespace vggroove::weights

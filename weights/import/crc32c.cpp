#include "weights/import/crc32c.h"

#include <array>
#include <bit>

#include "weights/import/little_endian.h"

namespace vggroove::weights {
namespace {

constexpr std::uint32_t kReversedPolynomial = 0x82f63b78;
constexpr std::uint32_t kMaskDelta = 0xa282ead8;

// tables[k][b]: what byte b does to the checksum k bytes later. Eight bytes a step instead of one
// make 289 MB take 0.2 s instead of 0.8 s.
constexpr auto make_tables() {
  std::array<std::array<std::uint32_t, 256>, 8> tables{};
  for (std::uint32_t byte = 0; byte < 256; ++byte) {
    std::uint32_t crc = byte;
    for (int bit = 0; bit < 8; ++bit) {
      crc = (crc >> 1) ^ ((crc & 1) != 0 ? kReversedPolynomial : 0);
    }
    tables[0][byte] = crc;
  }
  for (std::size_t k = 1; k < 8; ++k) {
    for (std::size_t byte = 0; byte < 256; ++byte) {
      const std::uint32_t previous = tables[k - 1][byte];
      tables[k][byte] = (previous >> 8) ^ tables[0][previous & 255];
    }
  }
  return tables;
}
constexpr auto kTables = make_tables();

}  // namespace

std::uint32_t crc32c(std::span<const std::byte> bytes) {
  std::uint32_t crc = ~std::uint32_t{0};
  for (; bytes.size() >= 8; bytes = bytes.subspan(8)) {
    const std::uint64_t word = load_little_endian<std::uint64_t>(bytes) ^ crc;
    crc = kTables[7][word & 255] ^ kTables[6][word >> 8 & 255] ^ kTables[5][word >> 16 & 255] ^
          kTables[4][word >> 24 & 255] ^ kTables[3][word >> 32 & 255] ^
          kTables[2][word >> 40 & 255] ^ kTables[1][word >> 48 & 255] ^ kTables[0][word >> 56];
  }
  for (const std::byte byte : bytes) {
    crc = (crc >> 8) ^ kTables[0][(crc ^ std::to_integer<std::uint32_t>(byte)) & 255];
  }
  return ~crc;
}

bool matches_masked_crc32c(std::span<const std::byte> bytes, std::uint32_t stored) {
  return std::rotr(crc32c(bytes), 15) + kMaskDelta == stored;
}

}  // namespace vggroove::weights

#pragma once

#include <bit>
#include <cassert>
#include <cstddef>
#include <cstring>
#include <span>

namespace vggroove::weights {

static_assert(std::endian::native == std::endian::little, "the parsers load numbers as they lie");

// The number in the first bytes, which need no alignment. The caller has checked that they are
// there.
template <class Number>
Number load_little_endian(std::span<const std::byte> bytes) {
  assert(bytes.size() >= sizeof(Number));
  Number number;
  std::memcpy(&number, bytes.data(), sizeof(Number));
  return number;
}

}  // namespace vggroove::weights

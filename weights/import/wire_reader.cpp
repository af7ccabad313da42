#include "weights/import/wire_reader.h"

#include <fmt/format.h>

#include "base/error.h"
#include "weights/import/little_endian.h"

namespace vggroove::weights {

bool take_varint(std::span<const std::byte>& bytes, std::uint64_t& value) {
  std::uint64_t result = 0;
  for (std::size_t i = 0; i < bytes.size() && i < 10; ++i) {
    const auto byte = std::to_integer<std::uint64_t>(bytes[i]);
    if (i == 9 && byte > 1) {
      return false;  // beyond 64 bits
    }
    result |= (byte & 127) << (7 * i);
    if (byte < 128) {
      value = result;
      bytes = bytes.subspan(i + 1);
      return true;
    }
  }
  return false;
}

void WireReader::fail(const char* what) const {
  throw Error(ErrorClass::kCorrupt,
              fmt::format("{}: not a valid protocol buffer: {} (field {})", place_, what, number_));
}

void WireReader::require(Type type) const {
  if (type_ != type) {
    fail("a field of another type is expected");
  }
}

std::span<const std::byte> WireReader::take(std::uint64_t size_bytes) {
  if (size_bytes > rest_.size()) {
    fail("a field is longer than the message");
  }
  const auto result = rest_.first(static_cast<std::size_t>(size_bytes));
  rest_ = rest_.subspan(static_cast<std::size_t>(size_bytes));
  return result;
}

bool WireReader::next() {
  if (rest_.empty()) {
    return false;
  }
  std::uint64_t tag = 0;
  if (!take_varint(rest_, tag) || tag >> 3 == 0 || tag >> 32 != 0) {
    fail("a field number is damaged");
  }
  number_ = static_cast<std::uint32_t>(tag >> 3);
  type_ = static_cast<Type>(tag & 7);
  switch (type_) {
    case Type::kVarint:
      if (!take_varint(rest_, varint_)) {
        fail("a number is damaged");
      }
      return true;
    case Type::kFixed64:
      value_ = take(8);
      return true;
    case Type::kFixed32:
      value_ = take(4);
      return true;
    case Type::kBytes: {
      std::uint64_t size_bytes = 0;
      if (!take_varint(rest_, size_bytes)) {
        fail("a length is damaged");
      }
      value_ = take(size_bytes);
      return true;
    }
  }
  fail("a field of an unknown type");
}

std::uint64_t WireReader::varint() const {
  require(Type::kVarint);
  return varint_;
}

std::uint32_t WireReader::fixed32() const {
  require(Type::kFixed32);
  return load_little_endian<std::uint32_t>(value_);
}

std::span<const std::byte> WireReader::fixed_bytes(std::size_t size_bytes) const {
  require(size_bytes == 4 ? Type::kFixed32 : Type::kFixed64);
  return value_;
}

std::span<const std::byte> WireReader::bytes() const {
  require(Type::kBytes);
  return value_;
}

std::string_view WireReader::text() const {
  return as_text(bytes());
}

}  // namespace vggroove::weights

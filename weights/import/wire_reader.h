#pragma once

#include <cstddef>
#include <cstdint>
#include <span>
#include <string>
#include <string_view>

namespace vggroove::weights {

// Walks over the fields of one protocol-buffer message without copying them. A 201 MB tensor is one
// field: the Protocol Buffers library would hold it a second time.
//
//   for (WireReader fields(message, path); fields.next();)
//     switch (fields.number()) { case 1: name = fields.text(); break; ... }
//
// Unknown fields are skipped by not asking for them. Every function throws Error(kCorrupt), whose
// message begins with `place`, on bytes that are no protocol buffer and on a field of another type
// than the one asked for.
class WireReader {
 public:
  WireReader(std::span<const std::byte> message, std::string_view place)
      : rest_(message), place_(place) {}

  bool next();  // moves to the next field; false at the end
  std::uint32_t number() const { return number_; }
  bool is_bytes() const { return type_ == Type::kBytes; }

  std::uint64_t varint() const;
  std::int64_t int64() const { return static_cast<std::int64_t>(varint()); }
  std::uint32_t fixed32() const;
  std::span<const std::byte> fixed_bytes(std::size_t size_bytes) const;  // 4 or 8: one number
  std::span<const std::byte> bytes() const;  // also strings, messages and packed numbers
  std::string_view text() const;

 private:
  enum class Type : std::uint8_t { kVarint = 0, kFixed64 = 1, kBytes = 2, kFixed32 = 5 };

  [[noreturn]] void fail(const char* what) const;
  void require(Type type) const;
  std::span<const std::byte> take(std::uint64_t size_bytes);

  std::span<const std::byte> rest_;
  std::string_view place_;
  std::uint32_t number_ = 0;
  Type type_ = Type::kVarint;
  std::uint64_t varint_ = 0;
  std::span<const std::byte> value_;
};

// Takes a base-128 number from the front of `bytes`; false, leaving `bytes` alone, where they hold
// no complete one or one beyond 64 bits. LevelDB's tables use the same encoding.
bool take_varint(std::span<const std::byte>& bytes, std::uint64_t& value);

inline std::string_view as_text(std::span<const std::byte> bytes) {
  return {reinterpret_cast<const char*>(bytes.data()), bytes.size()};
}

}  // namespace vggroove::weights

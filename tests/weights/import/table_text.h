#pragma once

#include <bit>
#include <cstdint>
#include <span>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "weights/import/crc32c.h"

// Writes tables in LevelDB's format and protocol buffers by hand, above all those that no program
// would write.
namespace vggroove::weights::testing {

inline std::string varint(std::uint64_t number) {
  std::string bytes;
  for (; number >= 128; number >>= 7) {
    bytes += static_cast<char>(number | 128);
  }
  return bytes + static_cast<char>(number);
}

// Fields of a protocol buffer.
inline std::string number_field(std::uint32_t field, std::uint64_t value) {
  return varint(field << 3) + varint(value);
}
inline std::string bytes_field(std::uint32_t field, std::string_view value) {
  return varint(field << 3 | 2) + varint(value.size()) + std::string(value);
}
template <class Number>
std::string fixed_field(std::uint32_t field, Number value) {
  return varint(field << 3 | (sizeof(value) == 4 ? 5 : 1)) +
         std::string(reinterpret_cast<const char*>(&value), sizeof(value));
}

class TableText {
 public:
  using Handle = std::pair<std::uint64_t, std::uint64_t>;  // offset, size

  static std::string entry(std::string_view key, std::string_view value) {
    return varint(0) + varint(key.size()) + varint(value.size()) + std::string(key) +
           std::string(value);
  }

  // Appends a block, its compression and its checksum.
  Handle add_block(const std::string& entries,
                   std::string restarts = std::string("\0\0\0\0\1\0\0\0", 8),
                   char compression = 0) {
    return add_raw_block(entries + restarts, compression);
  }
  Handle add_raw_block(const std::string& bytes, char compression = 0) {
    const Handle handle{file_.size(), bytes.size()};
    const std::string checked = bytes + compression;
    const std::uint32_t crc =
        std::rotr(crc32c(std::as_bytes(std::span(checked))), 15) + 0xa282ead8U;
    file_ += checked + std::string(reinterpret_cast<const char*>(&crc), 4);
    return handle;
  }
  void add_to_index(std::string_view last_key, Handle handle) {
    index_ += entry(last_key, varint(handle.first) + varint(handle.second));
  }

  std::string finish() { return finish_with_index(add_block(index_)); }
  std::string finish_with_index(Handle index) const {
    std::string footer = varint(0) + varint(0) + varint(index.first) + varint(index.second);
    footer.resize(40);
    return file_ + footer + "\x57\xfb\x80\x8b\x24\x75\x47\xdb";
  }

  // A table of one block.
  static std::string of(const std::vector<std::pair<std::string, std::string>>& entries) {
    TableText table;
    std::string block;
    for (const auto& [key, value] : entries) {
      block += entry(key, value);
    }
    table.add_to_index(entries.back().first, table.add_block(block));
    return table.finish();
  }

 private:
  std::string file_;
  std::string index_;
};

}  // namespace vggroove::weights::testing

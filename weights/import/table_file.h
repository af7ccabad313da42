#pragma once

#include <cstddef>
#include <cstdint>
#include <filesystem>
#include <functional>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "weights/random_access_file.h"

namespace vggroove::weights {

// A sorted table of keys and values in LevelDB's file format, in which TensorFlow keeps
// checkpoints: data blocks, an index block, a footer of 48 bytes. Every block's checksum is
// verified.
//
// The LevelDB library itself is not for foreign files: version 1.23 crashes on a footer whose index
// has 2^64 - 3 bytes, and allocates whatever size a footer states (docs/decisions/0004-imports.md).
//
// Holds one block in memory at a time; a block is as long as its longest value (201 MB in VGGish).
// Every function throws Error(kCorrupt) naming the file and the block's place.
class TableFile {
 public:
  // Reads the footer and the index. Throws Error(kUnsupported) where the file is no such table.
  explicit TableFile(const std::filesystem::path& path);

  // Whether the file ends as such a table does.
  static bool has_footer(const RandomAccessFile& file);

  const std::filesystem::path& path() const { return file_.path(); }
  std::uint64_t size_bytes() const { return file_.size_bytes(); }

  // The value of `key`; valid until the next call. Asking for keys in ascending order reads each
  // block once.
  std::optional<std::span<const std::byte>> find(std::string_view key);

  // Every entry, ascending by block. What `visit` gets is valid during the call.
  void for_each(
      const std::function<void(std::string_view key, std::span<const std::byte> value)>& visit);

 private:
  struct BlockHandle {
    std::uint64_t offset = 0;
    std::uint64_t size_bytes = 0;  // without the trailer of 5 bytes
  };
  struct IndexEntry {
    std::string last_key;  // no key of the block comes after it
    BlockHandle block;
  };
  struct Block {
    std::unique_ptr<std::byte[]> bytes;
    std::size_t size_bytes = 0;
    std::size_t entries_bytes = 0;  // the entries, without the list of restart points behind them
  };
  // Where reading stands in a block: `key` and `value` are of the entry that ended at `position`.
  struct Cursor {
    std::size_t position = 0;
    std::string key;
    std::span<const std::byte> value;
  };

  [[noreturn]] void fail(const BlockHandle& handle, const std::string& what) const;
  BlockHandle take_handle(std::span<const std::byte>& bytes) const;
  void check_handle(const BlockHandle& handle) const;
  Block read_block(const BlockHandle& handle) const;
  bool advance(const Block& block, const BlockHandle& handle, Cursor& cursor) const;
  void load(std::size_t index);

  RandomAccessFile file_;
  std::vector<IndexEntry> index_;
  Block block_;
  std::optional<std::size_t> loaded_;  // which block of the index block_ is
  Cursor cursor_;
};

}  // namespace vggroove::weights

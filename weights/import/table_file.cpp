#include "weights/import/table_file.h"

#include <fmt/format.h>
#include <snappy.h>

#include <algorithm>
#include <array>

#include "base/error.h"
#include "weights/import/crc32c.h"
#include "weights/import/little_endian.h"
#include "weights/import/wire_reader.h"

namespace vggroove::weights {
namespace {

constexpr std::size_t kFooterBytes = 48;
constexpr std::size_t kTrailerBytes = 5;  // compression, checksum
constexpr std::uint64_t kMagic = 0xdb4775248b80fb57;
enum Compression : std::uint8_t { kStored = 0, kSnappy = 1 };

// A key holds a tensor's name and the place of a slice; keys share prefixes, so that 3 bytes of
// file can make a key of any length.
constexpr std::size_t kMaxKeyBytes = 4096;
constexpr std::size_t kMaxIndexKeyBytes = std::size_t{16} << 20;  // of all keys together
// Snappy's longest copy makes 64 bytes out of 3.
constexpr std::size_t kMaxSnappyRatio = 22;

}  // namespace

bool TableFile::has_footer(const RandomAccessFile& file) {
  if (file.size_bytes() < kFooterBytes) {
    return false;
  }
  std::array<std::byte, 8> magic;
  file.read(file.size_bytes() - magic.size(), magic);
  return load_little_endian<std::uint64_t>(magic) == kMagic;
}

TableFile::TableFile(const std::filesystem::path& path) : file_(path) {
  if (!has_footer(file_)) {
    throw Error(
        ErrorClass::kUnsupported,
        fmt::format("{}: not a TensorFlow checkpoint: it does not end with a table's footer; "
                    "was it downloaded completely?",
                    path.string()));
  }
  std::array<std::byte, kFooterBytes> footer;
  file_.read(file_.size_bytes() - footer.size(), footer);
  std::span<const std::byte> handles(footer.data(), footer.size() - sizeof(kMagic));
  take_handle(handles);  // of the index of filters, which TensorFlow leaves empty
  const BlockHandle index_handle = take_handle(handles);
  check_handle(index_handle);
  const Block index = read_block(index_handle);

  std::uint64_t end = 0;
  std::size_t key_bytes = 0;
  for (Cursor entry; advance(index, index_handle, entry);) {
    std::span<const std::byte> value = entry.value;
    const BlockHandle handle = take_handle(value);
    check_handle(handle);
    if (handle.offset < end) {
      fail(handle, "it overlaps the block before it");
    }
    end = handle.offset + handle.size_bytes + kTrailerBytes;
    key_bytes += entry.key.size();
    if (key_bytes > kMaxIndexKeyBytes) {
      fail(index_handle, "the keys of the index are too long");
    }
    index_.push_back({entry.key, handle});
  }
}

void TableFile::fail(const BlockHandle& handle, const std::string& what) const {
  throw Error(ErrorClass::kCorrupt,
              fmt::format("{}: damaged block of {} bytes at byte {}: {}", path().string(),
                          handle.size_bytes, handle.offset, what));
}

TableFile::BlockHandle TableFile::take_handle(std::span<const std::byte>& bytes) const {
  BlockHandle handle;
  if (!take_varint(bytes, handle.offset) || !take_varint(bytes, handle.size_bytes)) {
    throw Error(ErrorClass::kCorrupt,
                path().string() + ": the place of a block is damaged; download the file again");
  }
  return handle;
}

void TableFile::check_handle(const BlockHandle& handle) const {
  const std::uint64_t blocks_bytes = file_.size_bytes() - kFooterBytes;
  if (handle.offset > blocks_bytes || blocks_bytes - handle.offset < kTrailerBytes ||
      handle.size_bytes > blocks_bytes - handle.offset - kTrailerBytes) {
    fail(handle, fmt::format("it reaches beyond the end of the file ({} bytes)", size_bytes()));
  }
}

TableFile::Block TableFile::read_block(const BlockHandle& handle) const {
  const auto size = static_cast<std::size_t>(handle.size_bytes);
  // Not a vector: filling 201 MB with zeros before reading them costs 60 ms.
  auto stored = std::make_unique_for_overwrite<std::byte[]>(size + kTrailerBytes);
  const std::span<std::byte> all(stored.get(), size + kTrailerBytes);
  file_.read(handle.offset, all);
  if (!matches_masked_crc32c(all.first(size + 1),
                             load_little_endian<std::uint32_t>(all.subspan(size + 1)))) {
    fail(handle, "its checksum is wrong; download the file again");
  }
  Block block;
  const auto compression = std::to_integer<std::uint8_t>(all[size]);
  if (compression == kStored) {
    block.bytes = std::move(stored);
    block.size_bytes = size;
  } else if (compression == kSnappy) {
    const char* compressed = reinterpret_cast<const char*>(stored.get());
    if (!snappy::GetUncompressedLength(compressed, size, &block.size_bytes) ||
        block.size_bytes > size * kMaxSnappyRatio) {
      fail(handle, "its uncompressed length is impossible");
    }
    block.bytes = std::make_unique_for_overwrite<std::byte[]>(block.size_bytes);
    if (!snappy::RawUncompress(compressed, size, reinterpret_cast<char*>(block.bytes.get()))) {
      fail(handle, "it cannot be uncompressed");
    }
  } else {
    throw Error(ErrorClass::kUnsupported,
                fmt::format("{}: the block at byte {} is compressed with method {}; only none (0) "
                            "and Snappy (1) are known",
                            path().string(), handle.offset, compression));
  }
  // Entries, restart points (4 bytes each), their number (4 bytes).
  const std::span<const std::byte> bytes(block.bytes.get(), block.size_bytes);
  if (bytes.size() < 4) {
    fail(handle, "it is too short");
  }
  const auto num_restarts = load_little_endian<std::uint32_t>(bytes.last(4));
  if (num_restarts > (bytes.size() - 4) / 4) {
    fail(handle, "its list of restart points is longer than the block");
  }
  block.entries_bytes = bytes.size() - 4 - std::size_t{num_restarts} * 4;
  return block;
}

// An entry: bytes shared with the key before, other bytes of the key, bytes of the value (three
// varints), the other bytes of the key, the value.
bool TableFile::advance(const Block& block, const BlockHandle& handle, Cursor& cursor) const {
  const std::span<const std::byte> entries(block.bytes.get(), block.entries_bytes);
  std::span<const std::byte> rest = entries.subspan(cursor.position);
  if (rest.empty()) {
    return false;
  }
  std::uint64_t shared = 0, other = 0, value_bytes = 0;
  if (!take_varint(rest, shared) || !take_varint(rest, other) || !take_varint(rest, value_bytes) ||
      shared > cursor.key.size() || other > rest.size() || value_bytes > rest.size() - other) {
    fail(handle, fmt::format("the entry at its byte {} is damaged", cursor.position));
  }
  if (shared + other > kMaxKeyBytes) {
    fail(handle, fmt::format("the key at its byte {} is longer than {} bytes", cursor.position,
                             kMaxKeyBytes));
  }
  cursor.key.resize(static_cast<std::size_t>(shared));
  cursor.key += as_text(rest.first(static_cast<std::size_t>(other)));
  cursor.value =
      rest.subspan(static_cast<std::size_t>(other), static_cast<std::size_t>(value_bytes));
  cursor.position = entries.size() - rest.size() + static_cast<std::size_t>(other + value_bytes);
  return true;
}

void TableFile::load(std::size_t index) {
  if (loaded_ != index) {
    loaded_.reset();
    cursor_ = {};
    block_ = {};  // before reading the other one: two of 201 MB need not be there at once
    block_ = read_block(index_[index].block);
    loaded_ = index;
  }
}

std::optional<std::span<const std::byte>> TableFile::find(std::string_view key) {
  const auto place = std::ranges::lower_bound(index_, key, {}, &IndexEntry::last_key);
  if (place == index_.end()) {
    return std::nullopt;
  }
  load(static_cast<std::size_t>(place - index_.begin()));
  if (cursor_.key >= key) {
    if (cursor_.key == key && cursor_.position > 0) {
      return cursor_.value;
    }
    cursor_ = {};
  }
  while (advance(block_, place->block, cursor_)) {
    if (cursor_.key >= key) {
      return cursor_.key == key ? std::optional(cursor_.value) : std::nullopt;
    }
  }
  cursor_ = {};
  return std::nullopt;
}

void TableFile::for_each(
    const std::function<void(std::string_view, std::span<const std::byte>)>& visit) {
  for (std::size_t i = 0; i < index_.size(); ++i) {
    load(i);
    for (Cursor cursor; advance(block_, index_[i].block, cursor);) {
      visit(cursor.key, cursor.value);
    }
  }
}

}  // namespace vggroove::weights

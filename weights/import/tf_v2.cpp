#include <fmt/format.h>

#include <algorithm>
#include <map>

#include "base/error.h"
#include "weights/foreign_text.h"
#include "weights/import/crc32c.h"
#include "weights/import/table_file.h"
#include "weights/import/tf_checkpoint.h"
#include "weights/import/tf_slices.h"
#include "weights/import/wire_reader.h"

// The messages, by field number (tensorflow/core/protobuf/tensor_bundle.proto):
//   BundleHeaderProto 1 num_shards, 2 endianness (0 little)
//   BundleEntryProto  1 dtype, 2 shape, 3 shard_id, 4 offset, 5 size, 6 crc32c, 7 slices: repeated
namespace vggroove::weights {
namespace {

constexpr std::uint64_t kMaxShards = 99'999;  // the file names have five digits
constexpr std::size_t kMaxTensors = 100'000;

struct Entry {
  std::optional<DType> dtype;
  Shape shape;
  std::uint64_t shard = 0;
  std::uint64_t offset = 0;
  std::uint64_t size_bytes = 0;
  std::uint32_t checksum = 0;
  std::vector<TfSlice> slices;  // empty: the tensor lies in one piece
};

Entry parse_entry(std::span<const std::byte> message, std::string_view place) {
  Entry entry;
  for (WireReader fields(message, place); fields.next();) {
    switch (fields.number()) {
      case 1:
        entry.dtype = tf_dtype(fields.varint());
        break;
      case 2:
        entry.shape = parse_tf_shape(fields.bytes(), place);
        break;
      case 3:
        entry.shard = fields.varint();
        break;
      case 4:
        entry.offset = fields.varint();
        break;
      case 5:
        entry.size_bytes = fields.varint();
        break;
      case 6:
        entry.checksum = fields.fixed32();
        break;
      case 7:
        entry.slices.push_back(parse_tf_slice(fields.bytes(), place));
        break;
      default:
        break;
    }
  }
  if (!entry.slices.empty()) {
    check_tf_slices(entry.shape, entry.slices, place);
  }
  return entry;
}

class TfV2Checkpoint final : public TensorSource {
 public:
  // Throws Error(kNotFound) where one of the data files is missing.
  explicit TfV2Checkpoint(TableFile table);

  const std::filesystem::path& path() const override { return table_.path(); }
  const std::vector<ForeignTensor>& tensors() const override { return tensors_; }
  Tensor read(std::string_view name) override;

 private:
  void parse_header(std::span<const std::byte> message);
  std::string place_of(std::string_view name) const {
    return fmt::format("{}: tensor {}", path().string(), quoted_name(name));
  }
  RandomAccessFile open_shard(std::uint64_t shard) const;
  std::vector<std::byte> read_piece(const Entry& entry, const ForeignTensor& piece) const;

  TableFile table_;
  std::uint64_t num_shards_ = 0;
  std::uint64_t data_bytes_ = 0;  // of all data files
  std::vector<ForeignTensor> tensors_;
  std::vector<Entry> entries_;  // of each tensor
};

TfV2Checkpoint::TfV2Checkpoint(TableFile table) : table_(std::move(table)) {
  table_.for_each([&](std::string_view key, std::span<const std::byte> value) {
    if (key.empty()) {
      parse_header(value);
    } else if (key.front() != '\0') {  // keys of slices begin with 0
      if (tensors_.size() == kMaxTensors) {
        throw Error(ErrorClass::kCorrupt,
                    fmt::format("{}: more than {} tensors", path().string(), kMaxTensors));
      }
      Entry entry = parse_entry(value, place_of(key));
      tensors_.push_back({std::string(key), entry.dtype, entry.shape});
      entries_.push_back(std::move(entry));
    }
  });
  if (num_shards_ == 0 || num_shards_ > kMaxShards) {
    throw Error(ErrorClass::kCorrupt, fmt::format("{}: the checkpoint claims {} data files",
                                                  path().string(), num_shards_));
  }
  for (std::uint64_t shard = 0; shard < num_shards_; ++shard) {
    data_bytes_ += open_shard(shard).size_bytes();
  }
}

void TfV2Checkpoint::parse_header(std::span<const std::byte> message) {
  for (WireReader fields(message, path().native()); fields.next();) {
    if (fields.number() == 1) {
      num_shards_ = fields.varint();
    } else if (fields.number() == 2 && fields.varint() != 0) {
      throw Error(ErrorClass::kUnsupported,
                  path().string() + ": written on a big-endian machine, which is not read");
    }
  }
}

RandomAccessFile TfV2Checkpoint::open_shard(std::uint64_t shard) const {
  std::filesystem::path data_path = path();
  data_path.replace_extension(fmt::format("data-{:05}-of-{:05}", shard, num_shards_));
  try {
    return RandomAccessFile(data_path);
  } catch (const Error& error) {
    if (error.error_class() != ErrorClass::kNotFound) {
      throw;
    }
    throw Error(ErrorClass::kNotFound,
                fmt::format("{}: missing, though {} refers to it; keep the checkpoint's files "
                            "together in one folder",
                            data_path.string(), path().filename().string()));
  }
}

std::vector<std::byte> TfV2Checkpoint::read_piece(const Entry& entry,
                                                  const ForeignTensor& piece) const {
  const std::string place = place_of(piece.name);
  if (entry.shard >= num_shards_) {
    throw Error(ErrorClass::kCorrupt,
                fmt::format("{} lies in data file {} of {}", place, entry.shard, num_shards_));
  }
  const RandomAccessFile data = open_shard(entry.shard);
  const std::uint64_t expected_bytes = tensor_bytes(path(), piece, data.size_bytes());
  if (entry.size_bytes != expected_bytes || entry.offset > data.size_bytes() ||
      expected_bytes > data.size_bytes() - entry.offset) {
    throw Error(ErrorClass::kCorrupt,
                fmt::format("{} is said to have {} bytes at byte {} of {}, which has {} bytes; its "
                            "shape {} needs {}",
                            place, entry.size_bytes, entry.offset, data.path().string(),
                            data.size_bytes(), shape_text(piece.shape), expected_bytes));
  }
  std::vector<std::byte> bytes(static_cast<std::size_t>(expected_bytes));
  data.read(entry.offset, bytes);
  if (!matches_masked_crc32c(bytes, entry.checksum)) {
    throw Error(ErrorClass::kCorrupt, fmt::format("{}: its checksum is wrong; {} is damaged", place,
                                                  data.path().string()));
  }
  return bytes;
}

Tensor TfV2Checkpoint::read(std::string_view name) {
  const std::size_t position = find_tensor(path(), tensors_, name);
  const ForeignTensor& listed = tensors_[position];
  const Entry& entry = entries_[position];
  if (entry.slices.empty()) {
    std::vector<std::byte> data = read_piece(entry, listed);
    return {listed.name, *listed.dtype, listed.shape, std::move(data)};
  }
  const std::uint64_t size_bytes = tensor_bytes(path(), listed, data_bytes_);
  Tensor tensor{listed.name, *listed.dtype, listed.shape, {}};
  tensor.data.resize(static_cast<std::size_t>(size_bytes));
  for (const TfSlice& slice : entry.slices) {
    const auto value = table_.find(tf_slice_key(listed.name, slice));
    if (!value) {
      throw Error(ErrorClass::kCorrupt, place_of(name) + ": one of its slices is missing");
    }
    const ForeignTensor piece{listed.name, listed.dtype, tf_slice_shape(listed.shape, slice)};
    paste_tf_slice(read_piece(parse_entry(*value, place_of(name)), piece), slice, listed.shape,
                   dtype_bytes(*listed.dtype), tensor.data);
  }
  return tensor;
}

}  // namespace

std::unique_ptr<TensorSource> open_tf_v2(TableFile table) {
  return std::make_unique<TfV2Checkpoint>(std::move(table));
}

}  // namespace vggroove::weights

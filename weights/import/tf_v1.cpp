#include <fmt/format.h>

#include "base/error.h"
#include "weights/foreign_text.h"
#include "weights/import/table_file.h"
#include "weights/import/tf_checkpoint.h"
#include "weights/import/tf_slices.h"
#include "weights/import/wire_reader.h"

// The messages, by field number (tensorflow/core/util/saved_tensor_slice.proto,
// framework/tensor.proto):
//   SavedTensorSlices    1 meta: SavedTensorSliceMeta, 2 data: SavedSlice
//   SavedTensorSliceMeta 1 tensor: repeated SavedSliceMeta
//   SavedSliceMeta       1 name, 2 shape, 3 type, 4 slice: repeated
//   SavedSlice           1 name, 2 slice, 3 data: TensorProto
//   TensorProto          4 tensor_content, 5 float_val, 6 double_val, 13 half_val
namespace vggroove::weights {
namespace {

// Snappy aside, a value takes at least one byte (half_val); the table reader allows Snappy 22 bytes
// for one, so nothing larger than this can be complete.
constexpr std::uint64_t kMaxBytesPerFileByte = 64;
constexpr std::size_t kMaxTensors = 100'000;

class TfV1Checkpoint final : public TensorSource {
 public:
  explicit TfV1Checkpoint(TableFile table)
      : table_(std::move(table)), place_(table_.path().string()) {
    const auto list = table_.find("");
    if (!list) {
      throw Error(ErrorClass::kCorrupt, place_ + ": the checkpoint has no list of its tensors");
    }
    for (WireReader fields(*list, place_); fields.next();) {
      if (fields.number() == 1) {
        parse_list(fields.bytes());
      }
    }
  }

  const std::filesystem::path& path() const override { return table_.path(); }
  const std::vector<ForeignTensor>& tensors() const override { return tensors_; }
  Tensor read(std::string_view name) override;

 private:
  void parse_list(std::span<const std::byte> message);
  void parse_tensor(std::span<const std::byte> message);
  void read_slice(const ForeignTensor& tensor, const TfSlice& slice, std::span<std::byte> whole);

  TableFile table_;
  std::string place_;
  std::vector<ForeignTensor> tensors_;
  std::vector<std::vector<TfSlice>> slices_;  // of each tensor
};

void TfV1Checkpoint::parse_list(std::span<const std::byte> message) {
  for (WireReader fields(message, place_); fields.next();) {
    if (fields.number() == 1) {
      if (tensors_.size() == kMaxTensors) {
        throw Error(ErrorClass::kCorrupt,
                    fmt::format("{}: more than {} tensors", place_, kMaxTensors));
      }
      parse_tensor(fields.bytes());
    }
  }
}

void TfV1Checkpoint::parse_tensor(std::span<const std::byte> message) {
  ForeignTensor tensor;
  std::vector<TfSlice> slices;
  for (WireReader fields(message, place_); fields.next();) {
    switch (fields.number()) {
      case 1:
        tensor.name = fields.text();
        break;
      case 2:
        tensor.shape = parse_tf_shape(fields.bytes(), place_);
        break;
      case 3:
        tensor.dtype = tf_dtype(fields.varint());
        break;
      case 4:
        slices.push_back(parse_tf_slice(fields.bytes(), place_));
        break;
      default:
        break;
    }
  }
  check_tf_slices(tensor.shape, slices,
                  fmt::format("{}: tensor {}", place_, quoted_name(tensor.name)));
  tensors_.push_back(std::move(tensor));
  slices_.push_back(std::move(slices));
}

// The values of a TensorProto as bytes of `dtype`: a view of the message where they lie there in
// one piece, as TensorFlow writes them, else gathered in `storage`.
std::span<const std::byte> tensor_proto_values(std::span<const std::byte> message, DType dtype,
                                               std::string_view place,
                                               std::vector<std::byte>& storage) {
  const std::uint32_t values_field = dtype == DType::kF32 ? 5 : dtype == DType::kF64 ? 6 : 13;
  const std::size_t element_bytes = dtype_bytes(dtype);
  std::span<const std::byte> view;
  const auto append = [&](std::span<const std::byte> bytes) {
    if (view.empty()) {
      view = bytes;
      return;
    }
    if (storage.empty()) {
      storage.assign(view.begin(), view.end());
    }
    storage.insert(storage.end(), bytes.begin(), bytes.end());
    view = storage;
  };
  const auto append_half = [&](std::uint64_t number) {
    storage.push_back(static_cast<std::byte>(number));
    storage.push_back(static_cast<std::byte>(number >> 8));
    view = storage;
  };
  for (WireReader fields(message, place); fields.next();) {
    if (fields.number() == 4) {
      append(fields.bytes());
    } else if (fields.number() != values_field) {
      continue;
    } else if (dtype == DType::kF16) {
      if (!fields.is_bytes()) {
        append_half(fields.varint());
        continue;
      }
      std::uint64_t number = 0;
      for (auto packed = fields.bytes(); !packed.empty(); append_half(number)) {
        if (!take_varint(packed, number)) {
          throw Error(ErrorClass::kCorrupt, fmt::format("{}: a number is damaged", place));
        }
      }
    } else {
      append(fields.is_bytes() ? fields.bytes() : fields.fixed_bytes(element_bytes));
    }
  }
  return view;
}

void TfV1Checkpoint::read_slice(const ForeignTensor& tensor, const TfSlice& slice,
                                std::span<std::byte> whole) {
  const std::string place = fmt::format("{}: tensor {}", place_, quoted_name(tensor.name));
  const auto value = table_.find(tf_slice_key(tensor.name, slice));
  if (!value) {
    throw Error(ErrorClass::kCorrupt, place + " is in the list, but its values are missing");
  }
  std::span<const std::byte> saved_slice;
  for (WireReader fields(*value, place); fields.next();) {
    if (fields.number() == 2) {
      saved_slice = fields.bytes();
    }
  }
  std::span<const std::byte> proto;
  for (WireReader fields(saved_slice, place); fields.next();) {
    if (fields.number() == 1 && fields.text() != tensor.name) {
      throw Error(ErrorClass::kCorrupt, place + ": its values belong to another tensor");
    }
    if (fields.number() == 3) {
      proto = fields.bytes();
    }
  }
  std::vector<std::byte> storage;
  const auto values = tensor_proto_values(proto, *tensor.dtype, place, storage);
  const std::uint64_t expected_bytes =
      static_cast<std::uint64_t>(num_elements(tf_slice_shape(tensor.shape, slice))) *
      dtype_bytes(*tensor.dtype);
  if (values.size() != expected_bytes) {
    throw Error(ErrorClass::kCorrupt, fmt::format("{}: {} bytes of values where {} are expected",
                                                  place, values.size(), expected_bytes));
  }
  paste_tf_slice(values, slice, tensor.shape, dtype_bytes(*tensor.dtype), whole);
}

Tensor TfV1Checkpoint::read(std::string_view name) {
  const std::size_t position = find_tensor(path(), tensors_, name);
  ForeignTensor listed = tensors_[position];
  if (listed.dtype != DType::kF32 && listed.dtype != DType::kF64 && listed.dtype != DType::kF16) {
    listed.dtype.reset();  // its values lie in fields that nothing here reads
  }
  const std::uint64_t size_bytes =
      tensor_bytes(path(), listed, table_.size_bytes() * kMaxBytesPerFileByte);
  Tensor tensor{listed.name, *listed.dtype, listed.shape, {}};
  tensor.data.resize(static_cast<std::size_t>(size_bytes));
  for (const TfSlice& slice : slices_[position]) {
    read_slice(listed, slice, tensor.data);
  }
  return tensor;
}

}  // namespace

std::unique_ptr<TensorSource> open_tf_v1(TableFile table) {
  return std::make_unique<TfV1Checkpoint>(std::move(table));
}

}  // namespace vggroove::weights

#include "weights/import/torch_tensors.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <cstring>

#include "base/error.h"
#include "weights/foreign_text.h"
#include "weights/permute_axes.h"

namespace vggroove::weights {
namespace {

using Kind = PickleValue::Kind;

constexpr std::size_t kMaxRank = 32;
constexpr std::size_t kMaxTensors = 100'000;

[[noreturn]] void corrupt(std::string_view place, std::string_view name, std::string_view what) {
  throw Error(ErrorClass::kCorrupt,
              fmt::format("{}: tensor {}: {}", place, quoted_name(name), what));
}

bool is_integer(PickleRef value) {
  return value->kind == Kind::kInteger && value->text.empty();
}

// A tuple of numbers >= 0.
bool to_extents(PickleRef value, std::vector<std::int64_t>& out) {
  if (value->kind != Kind::kTuple || value->items.size() > kMaxRank) {
    return false;
  }
  for (const PickleRef item : value->items) {
    if (!is_integer(item) || item->integer < 0) {
      return false;
    }
    out.push_back(item->integer);
  }
  return true;
}

// (storage, offset, sizes, strides, ...); the storage is ("storage", type, key, device, count,
// ...).
TorchTensor view_of_storage(const std::string& name, PickleRef value, std::string_view place) {
  TorchTensor tensor;
  tensor.name = name;
  const auto& arguments = value->items;
  if (arguments.size() < 4 || arguments[0]->kind != Kind::kStorage || !is_integer(arguments[1]) ||
      arguments[1]->integer < 0 || !to_extents(arguments[2], tensor.shape) ||
      !to_extents(arguments[3], tensor.strides) || tensor.shape.size() != tensor.strides.size()) {
    corrupt(place, name, "its shape, strides or place are damaged");
  }
  tensor.offset = arguments[1]->integer;
  const auto& storage = arguments[0]->items;
  if (storage[1]->kind != Kind::kGlobal || !is_torch_storage(storage[1]->text, tensor.dtype) ||
      storage[2]->kind != Kind::kText || !is_integer(storage[4]) || storage[4]->integer < 0) {
    corrupt(place, name, "its storage is damaged");
  }
  if (storage.size() == 6 && storage[5]->kind != Kind::kNone) {
    throw Error(ErrorClass::kUnsupported,
                fmt::format("{}: tensor {} is a view of a storage's part, as PyTorch before 0.4 "
                            "wrote it; load and save it with a current PyTorch",
                            place, quoted_name(name)));
  }
  tensor.storage_key = storage[2]->text;
  tensor.storage_elements = storage[4]->integer;
  // No more elements than the storage: a view that repeats them (stride 0) could be of any size.
  const std::int64_t count = checked_num_elements(tensor.shape, place);
  if (count > tensor.storage_elements) {
    corrupt(place, name,
            fmt::format("its shape {} needs more than the {} elements of its storage",
                        shape_text(tensor.shape), tensor.storage_elements));
  }
  // Where it has elements, offset + sum of (extent - 1) * stride must lie inside.
  std::int64_t room = tensor.storage_elements - tensor.offset;
  if (room < (count > 0 ? 1 : 0)) {
    corrupt(place, name, "it begins beyond its storage");
  }
  for (std::size_t d = 0; count > 0 && d < tensor.shape.size(); ++d) {
    const std::int64_t steps = tensor.shape[d] - 1;
    if (steps > 0 && tensor.strides[d] > (room - 1) / steps) {
      corrupt(
          place, name,
          fmt::format("it reaches beyond the {} elements of its storage", tensor.storage_elements));
    }
    room -= steps * tensor.strides[d];
    if (steps == 0) {
      tensor.strides[d] = 0;  // never taken; and arithmetic with 2^63 would overflow
    }
  }
  return tensor;
}

// (version, shape, dtype, is Fortran order, bytes)
TorchTensor numpy_array(const std::string& name, PickleRef value, std::string_view place) {
  TorchTensor tensor;
  tensor.name = name;
  const auto& state = value->items;
  if (state.size() != 5 || !to_extents(state[1], tensor.shape) || state[2]->kind != Kind::kDType ||
      state[3]->kind != Kind::kBool || state[4]->kind != Kind::kBytes) {
    corrupt(place, name, "its NumPy array is damaged, or holds no numbers");
  }
  const PickleRef dtype = state[2];
  const bool is_big_endian = dtype->items.size() > 1 && dtype->items[1]->text == ">";
  if (dtype->text == "f8" && !is_big_endian) {
    tensor.dtype = DType::kF64;
  } else if (dtype->text == "f4" && !is_big_endian) {
    tensor.dtype = DType::kF32;
  } else {
    throw Error(ErrorClass::kUnsupported,
                fmt::format("{}: tensor {} is a NumPy array of {}{}; only little-endian f4 and f8 "
                            "are read",
                            place, quoted_name(name), is_big_endian ? "big-endian " : "",
                            quoted_name(dtype->text)));
  }
  tensor.is_fortran_order = state[3]->integer != 0;
  tensor.array_bytes = &state[4]->text;
  const std::size_t element_bytes = dtype_bytes(tensor.dtype);
  if (tensor.array_bytes->size() % element_bytes != 0 ||
      static_cast<std::uint64_t>(checked_num_elements(tensor.shape, place)) !=
          tensor.array_bytes->size() / element_bytes) {
    corrupt(place, name,
            fmt::format("{} bytes for an array of shape {}", tensor.array_bytes->size(),
                        shape_text(tensor.shape)));
  }
  return tensor;
}

bool holds_tensors(PickleRef dictionary) {
  const auto& items = dictionary->items;
  for (std::size_t i = 1; i < items.size(); i += 2) {
    if (items[i]->kind == Kind::kTensor || items[i]->kind == Kind::kArray) {
      return true;
    }
  }
  return false;
}

// The dictionary with the tensors, or null.
PickleRef find_state_dictionary(PickleRef root) {
  if (root->kind != Kind::kDict || holds_tensors(root)) {
    return root->kind == Kind::kDict ? root : nullptr;
  }
  constexpr std::array<std::string_view, 3> kUsualNames{"state_dict", "model_state_dict", "model"};
  for (std::size_t i = 0; i + 1 < root->items.size(); i += 2) {
    const PickleRef key = root->items[i], value = root->items[i + 1];
    if (key->kind == Kind::kText && value->kind == Kind::kDict && holds_tensors(value) &&
        std::ranges::find(kUsualNames, key->text) != kUsualNames.end()) {
      return value;
    }
  }
  return nullptr;
}

}  // namespace

std::int64_t TorchTensor::end_element() const {
  std::int64_t last = offset;
  for (std::size_t d = 0; d < shape.size(); ++d) {
    if (shape[d] == 0) {
      return offset;
    }
    last += (shape[d] - 1) * strides[d];
  }
  return last + 1;
}

std::vector<TorchTensor> torch_tensors(PickleRef root, std::string_view place) {
  const PickleRef dictionary = find_state_dictionary(root);
  if (dictionary == nullptr) {
    throw Error(
        ErrorClass::kUnsupported,
        fmt::format("{}: it holds no dictionary of tensors; save module.state_dict()", place));
  }
  std::vector<TorchTensor> tensors;
  const auto& items = dictionary->items;
  for (std::size_t i = 0; i + 1 < items.size(); i += 2) {
    const PickleRef key = items[i], value = items[i + 1];
    if (key->kind != Kind::kText || (value->kind != Kind::kTensor && value->kind != Kind::kArray)) {
      continue;
    }
    if (tensors.size() == kMaxTensors) {
      throw Error(ErrorClass::kCorrupt,
                  fmt::format("{}: more than {} tensors", place, kMaxTensors));
    }
    tensors.push_back(value->kind == Kind::kTensor ? view_of_storage(key->text, value, place)
                                                   : numpy_array(key->text, value, place));
  }
  return tensors;
}

std::vector<ForeignTensor> listed(const std::vector<TorchTensor>& tensors) {
  std::vector<ForeignTensor> list;
  list.reserve(tensors.size());
  for (const TorchTensor& tensor : tensors) {
    list.push_back({tensor.name, tensor.dtype, tensor.shape});
  }
  return list;
}

bool TorchTensor::is_whole_storage() const {
  std::int64_t expected_stride = 1;
  for (std::size_t d = shape.size(); d-- > 0;) {
    if (shape[d] != 1 && strides[d] != expected_stride) {
      return false;
    }
    expected_stride *= shape[d];
  }
  return offset == 0 && expected_stride == storage_elements;
}

std::vector<std::byte> gather_elements(const TorchTensor& tensor,
                                       std::span<const std::byte> from_offset) {
  const std::size_t element_bytes = dtype_bytes(tensor.dtype);
  std::vector<std::byte> values(static_cast<std::size_t>(num_elements(tensor.shape)) *
                                element_bytes);
  if (tensor.array_bytes != nullptr) {
    const auto bytes = std::as_bytes(std::span(*tensor.array_bytes));
    if (!tensor.is_fortran_order) {
      std::ranges::copy(bytes, values.begin());
      return values;
    }
    // Fortran order is row-major order of the reversed axes.
    Shape reversed(tensor.shape.rbegin(), tensor.shape.rend());
    std::vector<int> order;
    for (std::size_t d = reversed.size(); d-- > 0;) {
      order.push_back(static_cast<int>(d));
    }
    permute_axes(bytes, reversed, order, element_bytes, values);
    return values;
  }
  std::vector<std::int64_t> index(tensor.shape.size(), 0);
  std::int64_t element = 0;  // counted from the view's offset
  for (std::size_t done = 0; done < values.size(); done += element_bytes) {
    std::memcpy(values.data() + done,
                from_offset.data() + static_cast<std::size_t>(element) * element_bytes,
                element_bytes);
    for (std::size_t d = index.size(); d-- > 0;) {
      element += tensor.strides[d];
      if (++index[d] < tensor.shape[d]) {
        break;
      }
      element -= tensor.strides[d] * tensor.shape[d];
      index[d] = 0;
    }
  }
  return values;
}

}  // namespace vggroove::weights

#include "weights/import/tf_slices.h"

#include <fmt/format.h>

#include <algorithm>
#include <bit>
#include <cassert>
#include <cstring>

#include "base/error.h"
#include "weights/import/tensor_source.h"
#include "weights/import/wire_reader.h"

namespace vggroove::weights {
namespace {

constexpr std::size_t kMaxRank = 16;      // TensorFlow itself stops at 8 where it saves slices
constexpr std::size_t kMaxSlices = 1024;  // keeps the comparison of all pairs below 10 ms

[[noreturn]] void fail(std::string_view place, std::string_view what) {
  throw Error(ErrorClass::kCorrupt, fmt::format("{}: {}", place, what));
}

TfExtent resolved(const TfExtent& extent, std::int64_t size) {
  return extent.length < 0 ? TfExtent{0, size} : extent;
}

// The length in bytes, then the bytes, most significant first.
void append_number(std::string& key, std::uint64_t number) {
  const int num_bytes = (64 - std::countl_zero(number) + 7) / 8;
  key += static_cast<char>(num_bytes);
  for (int i = num_bytes - 1; i >= 0; --i) {
    key += static_cast<char>(number >> (8 * i));
  }
}

// Ends with 00 01; 00 and FF inside are escaped.
void append_text(std::string& key, std::string_view text) {
  for (const char c : text) {
    key += c;
    if (c == '\0') {
      key += '\xff';
    } else if (c == '\xff') {
      key += '\0';
    }
  }
  key += '\0';
  key += '\1';
}

// Two's complement, most significant byte first, in the fewest bytes n that leave n bits free
// behind the sign; those bits, inverted with the sign, tell n. -64..63 take one byte, up to 2^13
// two.
void append_signed(std::string& key, std::int64_t number) {
  const std::uint64_t magnitude = static_cast<std::uint64_t>(number < 0 ? ~number : number);
  const int num_bits = 64 - std::countl_zero(magnitude);
  const int num_bytes = num_bits / 7 + 1;  // 7 bits a byte, one of them the sign
  std::string bytes(static_cast<std::size_t>(num_bytes), number < 0 ? '\xff' : '\0');
  for (int i = 0; i < std::min(num_bytes, 8); ++i) {
    bytes[static_cast<std::size_t>(num_bytes - 1 - i)] = static_cast<char>(number >> (8 * i));
  }
  for (int bit = 0; bit < num_bytes; ++bit) {
    char& byte = bytes[static_cast<std::size_t>(bit / 8)];
    byte = static_cast<char>(byte ^ (0x80 >> (bit % 8)));
  }
  key += bytes;
}

bool overlap(const TfSlice& a, const TfSlice& b, const Shape& shape) {
  for (std::size_t d = 0; d < shape.size(); ++d) {
    const TfExtent one = resolved(a[d], shape[d]), two = resolved(b[d], shape[d]);
    if (one.start >= two.start + two.length || two.start >= one.start + one.length) {
      return false;
    }
  }
  return true;
}

}  // namespace

Shape parse_tf_shape(std::span<const std::byte> message, std::string_view place) {
  Shape shape;
  for (WireReader fields(message, place); fields.next();) {
    if (fields.number() == 3 && fields.varint() != 0) {
      fail(place, "a tensor of unknown shape");
    }
    if (fields.number() != 2) {
      continue;
    }
    std::int64_t size = 0;
    for (WireReader dimension(fields.bytes(), place); dimension.next();) {
      if (dimension.number() == 1) {
        size = dimension.int64();
      }
    }
    if (shape.size() == kMaxRank) {
      fail(place, fmt::format("a tensor of more than {} dimensions", kMaxRank));
    }
    shape.push_back(size);
  }
  checked_num_elements(shape, place);
  return shape;
}

TfSlice parse_tf_slice(std::span<const std::byte> message, std::string_view place) {
  TfSlice slice;
  for (WireReader fields(message, place); fields.next();) {
    if (fields.number() != 1) {
      continue;
    }
    TfExtent extent;
    for (WireReader numbers(fields.bytes(), place); numbers.next();) {
      if (numbers.number() == 1) {
        extent.start = numbers.int64();
      } else if (numbers.number() == 2) {
        extent.length = numbers.int64();
        if (extent.length < 0) {
          fail(place, "a slice of negative length");
        }
      }
    }
    if (slice.size() == kMaxRank) {
      fail(place, fmt::format("a slice of more than {} dimensions", kMaxRank));
    }
    slice.push_back(extent);
  }
  return slice;
}

std::optional<DType> tf_dtype(std::uint64_t number) {
  switch (number) {
    case 1:
      return DType::kF32;
    case 2:
      return DType::kF64;
    case 3:
      return DType::kI32;
    case 4:
      return DType::kU8;
    case 5:
      return DType::kI16;
    case 6:
      return DType::kI8;
    case 9:
      return DType::kI64;
    case 10:
      return DType::kBool;
    case 14:
      return DType::kBf16;
    case 19:
      return DType::kF16;
    default:
      return std::nullopt;
  }
}

std::string tf_slice_key(std::string_view name, const TfSlice& slice) {
  std::string key;
  append_number(key, 0);  // keys of slices begin with 0: behind the key "", before plain names
  append_text(key, name);
  append_number(key, slice.size());
  for (const TfExtent& extent : slice) {
    append_signed(key, extent.start);
    append_signed(key, extent.length);
  }
  return key;
}

void check_tf_slices(const Shape& shape, const std::vector<TfSlice>& slices,
                     std::string_view place) {
  if (slices.size() > kMaxSlices) {
    fail(place, fmt::format("a tensor in more than {} slices", kMaxSlices));
  }
  std::int64_t covered = 0;
  for (std::size_t i = 0; i < slices.size(); ++i) {
    if (slices[i].size() != shape.size()) {
      fail(place, "a slice has other dimensions than its tensor");
    }
    for (std::size_t d = 0; d < shape.size(); ++d) {
      const TfExtent extent = resolved(slices[i][d], shape[d]);
      if (extent.start < 0 || extent.start > shape[d] || extent.length > shape[d] - extent.start) {
        fail(place, "a slice reaches beyond its tensor");
      }
    }
    for (std::size_t k = 0; k < i; ++k) {
      if (overlap(slices[i], slices[k], shape)) {
        fail(place, "two slices overlap");
      }
    }
    covered += num_elements(tf_slice_shape(shape, slices[i]));
  }
  if (covered != num_elements(shape)) {
    fail(place, "its slices do not cover the tensor");
  }
}

Shape tf_slice_shape(const Shape& shape, const TfSlice& slice) {
  Shape result;
  for (std::size_t d = 0; d < shape.size(); ++d) {
    result.push_back(resolved(slice[d], shape[d]).length);
  }
  return result;
}

void paste_tf_slice(std::span<const std::byte> values, const TfSlice& slice, const Shape& shape,
                    std::size_t element_bytes, std::span<std::byte> whole) {
  // Dimensions from `inner` on are complete, so that whole stretches of them lie together.
  std::size_t inner = shape.size();
  std::size_t stretch_bytes = element_bytes;
  while (inner > 0 && resolved(slice[inner - 1], shape[inner - 1]).length == shape[inner - 1]) {
    stretch_bytes *= static_cast<std::size_t>(shape[--inner]);
  }
  std::size_t step_bytes = stretch_bytes;  // of one index in dimension inner - 1
  if (inner > 0) {
    --inner;
    stretch_bytes *= static_cast<std::size_t>(slice[inner].length);
  }
  std::vector<std::int64_t> index(inner, 0);
  while (!values.empty()) {
    // Horner's rule over the outer dimensions.
    std::size_t position = 0;
    for (std::size_t d = 0; d < inner; ++d) {
      position = position * static_cast<std::size_t>(shape[d]) +
                 static_cast<std::size_t>(resolved(slice[d], shape[d]).start + index[d]);
    }
    if (inner < shape.size()) {
      position = position * static_cast<std::size_t>(shape[inner]) +
                 static_cast<std::size_t>(resolved(slice[inner], shape[inner]).start);
    }
    assert(position * step_bytes + stretch_bytes <= whole.size());
    std::memcpy(whole.data() + position * step_bytes, values.data(), stretch_bytes);
    values = values.subspan(stretch_bytes);
    for (std::size_t d = inner; d-- > 0;) {
      if (++index[d] < resolved(slice[d], shape[d]).length) {
        break;
      }
      index[d] = 0;
    }
  }
}

}  // namespace vggroove::weights

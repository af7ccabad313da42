#include "weights/npy_header.h"

#include <fmt/format.h>

#include <array>
#include <charconv>
#include <optional>

#include "base/error.h"
#include "weights/foreign_text.h"

namespace vggroove::weights {
namespace {

constexpr std::string_view kMagic = "\x93NUMPY";
constexpr std::size_t kMaxRank = 64;  // NumPy 2's own limit
constexpr std::uint64_t kMaxItemBytes = 1 << 20;

struct NumberType {
  std::string_view descr;  // without the byte order
  DType dtype;
};
constexpr std::array<NumberType, 9> kNumberTypes{{{"f2", DType::kF16},
                                                  {"f4", DType::kF32},
                                                  {"f8", DType::kF64},
                                                  {"i1", DType::kI8},
                                                  {"i2", DType::kI16},
                                                  {"i4", DType::kI32},
                                                  {"i8", DType::kI64},
                                                  {"u1", DType::kU8},
                                                  {"b1", DType::kBool}}};

[[noreturn]] void corrupt(const std::string& place, const std::string& what) {
  throw Error(ErrorClass::kCorrupt, place + ": not a .npy file that can be read: " + what);
}

[[noreturn]] void unsupported(const std::string& place, const std::string& what) {
  throw Error(ErrorClass::kUnsupported, place + ": " + what);
}

// Reads the one form of Python literal that a header has:
//   {'descr': '<f4', 'fortran_order': False, 'shape': (3, 4), }
class DictionaryParser {
 public:
  DictionaryParser(const std::string& place, std::string_view text) : place_(place), text_(text) {}

  NpyHeader parse() {
    NpyHeader header;
    bool has_descr = false, has_order = false, has_shape = false;
    expect('{');
    while (!accept('}')) {
      const std::string_view key = quoted_text();
      expect(':');
      if (key == "descr" && !has_descr) {
        has_descr = true;
        take_descr(header);
      } else if (key == "fortran_order" && !has_order) {
        has_order = true;
        header.fortran_order = take_bool();
      } else if (key == "shape" && !has_shape) {
        has_shape = true;
        header.shape = take_shape();
      } else {
        fail();
      }
      if (!accept(',')) {
        expect('}');
        break;
      }
    }
    skip_spaces();
    if (position_ != text_.size() || !has_descr || !has_order || !has_shape) {
      fail();
    }
    return header;
  }

 private:
  [[noreturn]] void fail() const {
    corrupt(place_, fmt::format("the header makes no sense at its character {}: {}", position_,
                                quoted_name(text_.substr(position_))));
  }

  void skip_spaces() {
    while (position_ < text_.size() &&
           std::string_view(" \t\r\n").find(text_[position_]) != std::string_view::npos) {
      ++position_;
    }
  }
  char peek() {
    skip_spaces();
    return position_ < text_.size() ? text_[position_] : '\0';
  }
  bool accept(char c) {
    const bool here = peek() == c && position_ < text_.size();
    position_ += here ? 1 : 0;
    return here;
  }
  void expect(char c) {
    if (!accept(c)) {
      fail();
    }
  }
  bool accept(std::string_view word) {
    skip_spaces();
    const bool here = text_.substr(position_).starts_with(word);
    position_ += here ? word.size() : 0;
    return here;
  }

  std::string_view quoted_text() {
    const char quote = peek();
    if (quote != '\'' && quote != '"') {
      fail();
    }
    const std::size_t end = text_.find(quote, position_ + 1);
    if (end == std::string_view::npos) {
      fail();
    }
    const std::string_view text = text_.substr(position_ + 1, end - position_ - 1);
    position_ = end + 1;
    return text;
  }

  bool take_bool() {
    const bool value = accept("True");
    if (!value && !accept("False")) {
      fail();
    }
    return value;
  }

  Shape take_shape() {
    Shape shape;
    expect('(');
    while (!accept(')')) {
      skip_spaces();
      std::int64_t extent = 0;
      const char* begin = text_.data() + position_;
      const auto [end, error] = std::from_chars(begin, text_.data() + text_.size(), extent);
      if (error != std::errc{} || extent < 0 || shape.size() == kMaxRank) {
        fail();
      }
      position_ += static_cast<std::size_t>(end - begin);
      accept('L');  // Python 2 wrote (3L, 4L)
      shape.push_back(extent);
      if (!accept(',')) {
        expect(')');
        break;
      }
    }
    return shape;
  }

  void take_descr(NpyHeader& header) {
    if (peek() == '[') {
      unsupported(place_, "structured arrays are not supported; save each field as its own array");
    }
    const std::string_view descr = quoted_text();
    if (descr.size() < 2 || std::string_view("<>|=").find(descr[0]) == std::string_view::npos) {
      unsupported(place_, fmt::format("dtype {} is not supported", quoted_name(descr)));
    }
    const std::string_view type = descr.substr(1);
    if (type.starts_with('O')) {
      unsupported(place_,
                  "object arrays are refused, because reading them would run a pickle; save it as "
                  "numbers or text, e.g. with array.astype(str)");
    }
    for (const NumberType& number : kNumberTypes) {
      if (type == number.descr) {
        header.kind = type[0];
        header.dtype = number.dtype;
        header.item_bytes = dtype_bytes(number.dtype);
        check_byte_order(descr);
        return;
      }
    }
    std::uint64_t length = 0;
    const char* end = type.data() + type.size();
    const auto [last, error] = std::from_chars(type.data() + 1, end, length);
    if ((type[0] != 'U' && type[0] != 'S') || error != std::errc{} || last != end) {
      unsupported(place_, fmt::format("dtype {} is not supported; convert it, e.g. with "
                                      "array.astype('<f4')",
                                      quoted_name(descr)));
    }
    // No limit would let a header of 60 bytes ask for 2^60 empty strings.
    if (length == 0 || length > kMaxItemBytes) {
      unsupported(place_, fmt::format("text of {} characters is not supported", length));
    }
    header.kind = type[0];
    header.item_bytes = length * (type[0] == 'U' ? 4 : 1);
    check_byte_order(descr);
  }

  void check_byte_order(std::string_view descr) const {
    if (descr[0] == '>') {
      unsupported(place_, fmt::format("dtype {} is big endian; convert it with "
                                      "array.astype(array.dtype.newbyteorder('<'))",
                                      quoted_name(descr)));
    }
  }

  const std::string& place_;
  std::string_view text_;
  std::size_t position_ = 0;
};

}  // namespace

NpyPrelude parse_npy_prelude(const std::string& place, std::string_view bytes) {
  if (!bytes.starts_with(kMagic)) {
    corrupt(place, "the bytes \"\\x93NUMPY\" are missing at its beginning");
  }
  if (bytes.size() < kNpyPreludeBytes) {
    corrupt(place, "it ends inside the header");
  }
  const auto byte = [&](std::size_t i) {
    return static_cast<std::uint64_t>(static_cast<unsigned char>(bytes[i]));
  };
  NpyPrelude prelude;
  if (byte(6) == 1) {
    prelude = {10, byte(8) | byte(9) << 8};
  } else if (byte(6) == 2 || byte(6) == 3) {
    prelude = {12, byte(8) | byte(9) << 8 | byte(10) << 16 | byte(11) << 24};
  } else {
    unsupported(place, fmt::format(".npy version {}.{} is not supported", byte(6), byte(7)));
  }
  if (prelude.dictionary_bytes > kMaxNpyDictionaryBytes) {
    unsupported(place, fmt::format("a header of {} bytes is not supported; the limit is {}",
                                   prelude.dictionary_bytes, kMaxNpyDictionaryBytes));
  }
  return prelude;
}

NpyHeader parse_npy_dictionary(const std::string& place, std::string_view dictionary) {
  return DictionaryParser(place, dictionary).parse();
}

namespace {

std::string header_text(const std::string& descr, const Shape& shape) {
  std::string extents;
  for (const std::int64_t extent : shape) {
    extents += fmt::format("{}, ", extent);
  }
  if (shape.size() > 1) {
    extents.resize(extents.size() - 2);
  } else if (shape.size() == 1) {
    extents.resize(extents.size() - 1);  // "(3,)"
  }
  std::string dictionary =
      fmt::format("{{'descr': '{}', 'fortran_order': False, 'shape': ({}), }}", descr, extents);
  constexpr std::size_t kVersion1Begin = 10, kAlignment = 64;
  const std::size_t used = kVersion1Begin + dictionary.size() + 1;
  dictionary.append((used + kAlignment - 1) / kAlignment * kAlignment - used, ' ');
  dictionary += '\n';
  std::string header(kMagic);
  header += std::string_view("\x01\x00", 2);
  header += static_cast<char>(dictionary.size() & 0xff);
  header += static_cast<char>(dictionary.size() >> 8);
  return header + dictionary;
}

}  // namespace

std::string npy_header_text(DType dtype, const Shape& shape) {
  std::optional<std::string_view> type;
  for (const NumberType& number : kNumberTypes) {
    if (number.dtype == dtype) {
      type = number.descr;
    }
  }
  if (!type) {
    throw Error(ErrorClass::kUsage,
                fmt::format("NumPy has no dtype {}; convert the tensor to F32", dtype_name(dtype)));
  }
  return header_text(fmt::format("{}{}", dtype_bytes(dtype) == 1 ? '|' : '<', *type), shape);
}

std::string npy_text_header_text(std::size_t item_characters, const Shape& shape) {
  return header_text(fmt::format("<U{}", item_characters), shape);
}

}  // namespace vggroove::weights

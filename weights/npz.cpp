#include "weights/npz.h"

#include <fmt/format.h>

#include <algorithm>
#include <cstdint>
#include <cstring>
#include <numeric>
#include <utility>

#include "base/atomic_file.h"
#include "base/error.h"
#include "weights/foreign_text.h"
#include "weights/npy_header.h"
#include "weights/permute_axes.h"
#include "weights/random_access_file.h"
#include "weights/zip_reader.h"
#include "weights/zip_writer.h"

namespace vggroove::weights {
namespace {

// A std::string takes 32 bytes where |S1 takes one: this bounds them to 512 MB.
constexpr std::size_t kMaxStrings = std::size_t{1} << 24;

// The bytes of a .npy file, wherever they come from, first to last.
class NpySource {
 public:
  virtual ~NpySource() = default;
  virtual std::uint64_t left_bytes() const = 0;
  virtual void read(std::span<std::byte> out) = 0;
};

class FileSource final : public NpySource {
 public:
  explicit FileSource(const std::filesystem::path& path) : file_(path) {}
  std::uint64_t left_bytes() const override { return file_.size_bytes() - position_; }
  void read(std::span<std::byte> out) override {
    file_.read(position_, out);
    position_ += out.size();
  }

 private:
  RandomAccessFile file_;
  std::uint64_t position_ = 0;
};

class MemberSource final : public NpySource {
 public:
  explicit MemberSource(ZipReader::Stream stream) : stream_(std::move(stream)) {}
  std::uint64_t left_bytes() const override { return stream_.left_bytes(); }
  void read(std::span<std::byte> out) override { stream_.read(out); }

 private:
  ZipReader::Stream stream_;
};

std::string read_text(NpySource& source, std::uint64_t size_bytes) {
  std::string text(std::min(size_bytes, source.left_bytes()), '\0');
  source.read(std::as_writable_bytes(std::span(text)));
  return text;
}

void append_utf8(std::string& text, std::uint32_t code) {
  const auto byte = [](std::uint32_t value) { return static_cast<char>(value); };
  if (code < 0x80) {
    text += byte(code);
  } else if (code < 0x800) {
    text += {byte(0xc0 | code >> 6), byte(0x80 | (code & 0x3f))};
  } else if (code < 0x10000) {
    text += {byte(0xe0 | code >> 12), byte(0x80 | (code >> 6 & 0x3f)), byte(0x80 | (code & 0x3f))};
  } else {
    text += {byte(0xf0 | code >> 18), byte(0x80 | (code >> 12 & 0x3f)),
             byte(0x80 | (code >> 6 & 0x3f)), byte(0x80 | (code & 0x3f))};
  }
}

// The character that begins at `position`, which moves behind it; U+FFFD and one byte on where
// there is none (RFC 3629: no surrogates, no longer forms than needed, at most U+10FFFF).
std::uint32_t next_utf8_character(std::string_view text, std::size_t& position) {
  constexpr std::uint32_t kReplacement = 0xfffd;
  const auto byte_at = [&](std::size_t i) {
    return i < text.size() ? static_cast<std::uint32_t>(static_cast<unsigned char>(text[i])) : 0u;
  };
  const std::uint32_t first = byte_at(position);
  const std::size_t length = first < 0x80 ? 1 : first >> 5 == 0x6 ? 2 : first >> 4 == 0xe ? 3 : 4;
  std::uint32_t code = length == 1 ? first : first & (0xffu >> (length + 1));
  bool valid = length < 4 || first >> 3 == 0x1e;
  for (std::size_t i = 1; i < length; ++i) {
    const std::uint32_t byte = byte_at(position + i);
    valid = valid && byte >> 6 == 0x2;
    code = code << 6 | (byte & 0x3f);
  }
  constexpr std::uint32_t kSmallest[] = {0, 0, 0x80, 0x800, 0x10000};
  valid =
      valid && code >= kSmallest[length] && code <= 0x10ffff && (code < 0xd800 || code > 0xdfff);
  position += valid ? length : 1;
  return valid ? code : kReplacement;
}

std::vector<std::uint32_t> to_ucs4(std::string_view text) {
  std::vector<std::uint32_t> codes;
  for (std::size_t position = 0; position < text.size();) {
    codes.push_back(next_utf8_character(text, position));
  }
  return codes;
}

// One element of <U text; NumPy fills it with NUL characters.
std::string from_ucs4(const std::string& place, std::span<const std::byte> item) {
  std::string text;
  std::size_t num_padding = 0;
  for (std::size_t i = 0; i < item.size(); i += 4) {
    std::uint32_t code = 0;
    std::memcpy(&code, item.data() + i, 4);
    if (code == 0) {
      ++num_padding;
      continue;
    }
    if (code > 0x10ffff || (code >= 0xd800 && code < 0xe000)) {
      throw Error(
          ErrorClass::kCorrupt,
          fmt::format("{}: text with the character {:#x}, which does not exist", place, code));
    }
    text.append(std::exchange(num_padding, 0), '\0');  // was inside the text after all
    append_utf8(text, code);
  }
  return text;
}

std::string from_bytes(std::span<const std::byte> item) {
  std::string text(reinterpret_cast<const char*>(item.data()), item.size());
  text.resize(text.find_last_not_of('\0') + 1);
  return text;
}

// Reads exactly the data of `header` from the rest of the source, in C order.
std::vector<std::byte> read_data(const std::string& place, const NpyHeader& header,
                                 NpySource& source) {
  const std::uint64_t left = source.left_bytes();
  std::uint64_t num_items = 0;
  try {
    num_items = static_cast<std::uint64_t>(num_elements(header.shape));
  } catch (const Error& error) {
    throw Error(error.error_class(), place + ": " + error.what());
  }
  if (num_items > left / header.item_bytes || num_items * header.item_bytes != left) {
    throw Error(ErrorClass::kCorrupt,
                fmt::format("{}: the shape {} of {} bytes each does not take the {} bytes of data; "
                            "was the file cut off?",
                            place, shape_text(header.shape), header.item_bytes, left));
  }
  std::vector<std::byte> data(left);
  source.read(data);
  if (header.fortran_order && header.shape.size() > 1) {
    // Seen in C order, Fortran's bytes are an array with the axes reversed.
    const Shape reversed(header.shape.rbegin(), header.shape.rend());
    std::vector<int> order(header.shape.size());
    std::iota(order.rbegin(), order.rend(), 0);
    std::vector<std::byte> rearranged(data.size());
    permute_axes(data, reversed, order, header.item_bytes, rearranged);
    return rearranged;
  }
  return data;
}

NpyArray read_array(const std::string& place, const std::string& name, NpySource& source) {
  std::string text = read_text(source, kNpyPreludeBytes);
  const NpyPrelude prelude = parse_npy_prelude(place, text);
  const std::uint64_t header_bytes = prelude.dictionary_begin_byte + prelude.dictionary_bytes;
  if (header_bytes < text.size() || header_bytes - text.size() > source.left_bytes()) {
    throw Error(ErrorClass::kCorrupt, place + ": the header's length does not fit the file");
  }
  text += read_text(source, header_bytes - text.size());
  const NpyHeader header =
      parse_npy_dictionary(place, std::string_view(text).substr(prelude.dictionary_begin_byte));

  NpyArray array;
  array.tensor = Tensor{name, header.dtype, header.shape, read_data(place, header, source)};
  if (header.kind == 'U' || header.kind == 'S') {
    array.is_text = true;
    const std::span<const std::byte> data(array.tensor.data);
    if (data.size() / header.item_bytes > kMaxStrings) {
      throw Error(ErrorClass::kUnsupported,
                  fmt::format("{}: more than {} texts are not supported", place, kMaxStrings));
    }
    for (std::size_t begin = 0; begin < data.size(); begin += header.item_bytes) {
      const auto item = data.subspan(begin, header.item_bytes);
      array.strings.push_back(header.kind == 'U' ? from_ucs4(place, item) : from_bytes(item));
    }
    array.tensor.data.clear();
    array.tensor.dtype = DType::kU8;
  }
  return array;
}

void check_size(const std::filesystem::path& path, const Tensor& tensor) {
  if (tensor.data.size() !=
      static_cast<std::uint64_t>(num_elements(tensor.shape)) * dtype_bytes(tensor.dtype)) {
    throw Error(ErrorClass::kUsage,
                fmt::format("{}: tensor {} does not have the bytes of its shape", path.string(),
                            tensor.name));
  }
}

}  // namespace

NpyArray read_npy(const std::filesystem::path& path) {
  FileSource source(path);
  return read_array(path.string(), path.stem().string(), source);
}

std::map<std::string, NpyArray> read_npz(const std::filesystem::path& path) {
  constexpr std::string_view kSuffix = ".npy";
  const ZipReader zip(path);
  std::map<std::string, NpyArray> arrays;
  for (const ZipReader::Member& member : zip.members()) {
    const std::string place = fmt::format("{}: {}", path.string(), quoted_name(member.name));
    if (!member.name.ends_with(kSuffix)) {
      throw Error(ErrorClass::kUnsupported, place + " is no .npy array; is this an .npz file?");
    }
    const std::string key = member.name.substr(0, member.name.size() - kSuffix.size());
    MemberSource source(zip.stream(member));
    arrays.emplace(key, read_array(place, key, source));
  }
  return arrays;
}

void write_npy(const std::filesystem::path& path, const Tensor& tensor) {
  check_size(path, tensor);
  AtomicFile file(path);
  file.write(npy_header_text(tensor.dtype, tensor.shape));
  file.write(tensor.data);
  file.commit();
}

void write_npz(const std::filesystem::path& path, std::span<const Tensor> tensors) {
  NpzWriter writer(path);
  for (const Tensor& tensor : tensors) {
    check_size(path, tensor);
    writer.begin_array(tensor.name, tensor.dtype, tensor.shape);
    writer.append(tensor.data);
  }
  writer.commit();
}

struct NpzWriter::Impl {
  explicit Impl(const std::filesystem::path& path) : zip(path) {}
  ZipWriter zip;
};

NpzWriter::NpzWriter(const std::filesystem::path& path) : impl_(std::make_unique<Impl>(path)) {}
NpzWriter::~NpzWriter() = default;

void NpzWriter::begin_array(const std::string& name, DType dtype, const Shape& shape) {
  const std::string header = npy_header_text(dtype, shape);
  const auto data_bytes = static_cast<std::uint64_t>(num_elements(shape)) * dtype_bytes(dtype);
  impl_->zip.begin_member(name + ".npy", header.size() + data_bytes);
  impl_->zip.append(std::as_bytes(std::span(header)));
}

void NpzWriter::append(std::span<const std::byte> bytes) {
  impl_->zip.append(bytes);
}

void NpzWriter::append_text(const std::string& name, std::span<const std::string> texts) {
  std::vector<std::vector<std::uint32_t>> items;
  std::size_t width = 1;  // NumPy, too, makes no <U0
  for (const std::string& text : texts) {
    items.push_back(to_ucs4(text));
    width = std::max(width, items.back().size());
  }
  const std::string header = npy_text_header_text(width, {static_cast<std::int64_t>(items.size())});
  impl_->zip.begin_member(name + ".npy", header.size() + items.size() * width * 4);
  impl_->zip.append(std::as_bytes(std::span(header)));
  for (std::vector<std::uint32_t>& item : items) {
    item.resize(width);
    impl_->zip.append(std::as_bytes(std::span(item)));
  }
}

void NpzWriter::commit() {
  impl_->zip.commit();
}

}  // namespace vggroove::weights

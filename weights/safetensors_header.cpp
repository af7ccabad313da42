#include "weights/safetensors_header.h"

#include <fmt/format.h>

#include <nlohmann/json.hpp>
#include <optional>
#include <utility>
#include <vector>

#include "base/error.h"
#include "weights/foreign_text.h"

namespace vggroove::weights {
namespace {

constexpr std::size_t kMaxRank = 32;

// Receives the parser's events and builds the header. The format fixes what may stand where, so
// anything else is refused at once, however deep it would go.
class HeaderEvents final : public nlohmann::json_sax<nlohmann::json> {
 public:
  HeaderEvents(const std::filesystem::path& path, std::uint64_t data_bytes)
      : path_(path), data_bytes_(data_bytes) {}

  SafetensorsHeader take() { return std::move(header_); }

  bool start_object(std::size_t) override {
    if (place_ == Place::kStart) {
      place_ = Place::kNames;
    } else if (place_ == Place::kNames && name_ == kSafetensorsMetadataKey) {
      place_ = Place::kMetadata;
    } else if (place_ == Place::kNames) {
      place_ = Place::kTensor;
      dtype_.reset();
      shape_.reset();
      offsets_.reset();
    } else {
      fail_at("an object where none belongs");
    }
    return true;
  }

  bool key(string_t& key) override {
    if (place_ == Place::kNames) {
      name_ = key;
      const bool twice = name_ == kSafetensorsMetadataKey ? std::exchange(has_metadata_, true)
                                                          : header_.tensors.contains(name_);
      if (twice) {
        fail_at("the name stands there twice");
      }
    } else {
      field_ = key;
      if (place_ == Place::kMetadata && header_.metadata.contains(field_)) {
        fail_at("the key " + quoted_name(field_) + " stands there twice");
      }
    }
    return true;
  }

  bool string(string_t& text) override {
    if (place_ == Place::kMetadata) {
      header_.metadata.emplace(field_, std::move(text));
    } else if (place_ == Place::kTensor && field_ == "dtype" && !dtype_) {
      dtype_ = dtype_called(text);
      if (!dtype_) {
        throw Error(ErrorClass::kUnsupported,
                    fmt::format("{}: tensor {} has dtype {}, which is not supported; convert the "
                                "file to F32",
                                path_.string(), quoted_name(name_), quoted_name(text)));
      }
    } else {
      fail_at("the text " + quoted_name(text) + " where none belongs");
    }
    return true;
  }

  bool start_array(std::size_t) override {
    if (place_ == Place::kTensor && field_ == "shape" && !shape_) {
      place_ = Place::kShape;
      shape_.emplace();
    } else if (place_ == Place::kTensor && field_ == "data_offsets" && !offsets_) {
      place_ = Place::kOffsets;
      offsets_.emplace();
    } else {
      fail_at("a list where none belongs");
    }
    return true;
  }

  bool number_unsigned(number_unsigned_t value) override {
    if (place_ == Place::kShape && shape_->size() < kMaxRank && value <= INT64_MAX) {
      shape_->push_back(static_cast<std::int64_t>(value));
    } else if (place_ == Place::kOffsets && offsets_->size() < 2) {
      offsets_->push_back(value);
    } else {
      fail_at(fmt::format("the number {} where it makes no sense", value));
    }
    return true;
  }

  bool end_array() override {
    place_ = Place::kTensor;
    return true;
  }

  bool end_object() override {
    if (place_ == Place::kTensor) {
      add_tensor();
    }
    place_ = Place::kNames;
    return true;
  }

  bool null() override { return fail_at("null where a value belongs"); }
  bool boolean(bool) override { return fail_at("true or false where none belongs"); }
  bool number_integer(number_integer_t value) override {
    return fail_at(fmt::format("the negative number {}", value));
  }
  bool number_float(number_float_t, const string_t& text) override {
    return fail_at(fmt::format("the number {}, which is no length", quoted_name(text)));
  }
  bool binary(binary_t&) override { return fail_at("binary data where none belong"); }
  bool parse_error(std::size_t position, const std::string& token,
                   const nlohmann::detail::exception&) override {
    throw Error(ErrorClass::kCorrupt,
                fmt::format("{}: not a safetensors file: the header is not JSON near byte {}: {}",
                            path_.string(), position + 8, quoted_name(token)));
  }

 private:
  enum class Place { kStart, kNames, kMetadata, kTensor, kShape, kOffsets };

  [[noreturn]] bool fail_at(const std::string& what) const {
    const std::string where =
        name_.empty() ? "the header" : "the header's entry " + quoted_name(name_);
    throw Error(ErrorClass::kCorrupt,
                fmt::format("{}: not a safetensors file: {}: {}", path_.string(), where, what));
  }

  static std::optional<DType> dtype_called(std::string_view name) {
    for (int i = 0; i <= static_cast<int>(DType::kBool); ++i) {
      if (dtype_name(static_cast<DType>(i)) == name) {
        return static_cast<DType>(i);
      }
    }
    return std::nullopt;
  }

  void add_tensor() {
    if (!dtype_ || !shape_ || !offsets_ || offsets_->size() != 2) {
      fail_at("dtype, shape and two data_offsets are needed");
    }
    const std::uint64_t begin = (*offsets_)[0], end = (*offsets_)[1];
    if (begin > end || end > data_bytes_) {
      fail_at(
          fmt::format("the offsets {} to {} lie outside the {} bytes of data; was the download "
                      "cut off?",
                      begin, end, data_bytes_));
    }
    // Division instead of products, which could overflow. An extent of 0 makes the tensor empty.
    std::uint64_t num_elements_left = (end - begin) / dtype_bytes(*dtype_);
    bool fits = (end - begin) % dtype_bytes(*dtype_) == 0;
    bool empty = false;
    for (const std::int64_t extent : *shape_) {
      const auto count = static_cast<std::uint64_t>(extent);
      empty = empty || count == 0;
      fits = fits && !empty && num_elements_left % count == 0;
      num_elements_left /= empty ? 1 : count;
    }
    if (empty ? begin != end : !(fits && num_elements_left == 1)) {
      fail_at(fmt::format("shape {} of {} does not take the {} bytes between its offsets",
                          shape_text(*shape_), dtype_name(*dtype_), end - begin));
    }
    header_.tensors.emplace(name_,
                            SafetensorsEntry{*dtype_, std::move(*shape_), begin, end - begin});
  }

  const std::filesystem::path& path_;
  std::uint64_t data_bytes_;
  SafetensorsHeader header_;
  Place place_ = Place::kStart;
  bool has_metadata_ = false;
  std::string name_;   // the tensor, or "__metadata__"
  std::string field_;  // the key within it
  std::optional<DType> dtype_;
  std::optional<Shape> shape_;
  std::optional<std::vector<std::uint64_t>> offsets_;
};

}  // namespace

SafetensorsHeader parse_safetensors_header(const std::filesystem::path& path, std::string_view text,
                                           std::uint64_t data_bytes) {
  // The format wants the brace first; the JSON parser alone would take a byte order mark or spaces.
  if (!text.starts_with('{')) {
    throw Error(ErrorClass::kCorrupt,
                fmt::format("{}: not a safetensors file: byte 8 is not '{{'", path.string()));
  }
  HeaderEvents events(path, data_bytes);
  nlohmann::json::sax_parse(text.begin(), text.end(), &events);
  return events.take();
}

}  // namespace vggroove::weights

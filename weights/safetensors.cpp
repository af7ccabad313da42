#include "weights/safetensors.h"

#include <fmt/format.h>

#include <algorithm>
#include <bit>
#include <nlohmann/json.hpp>
#include <set>
#include <string_view>
#include <utility>

#include "base/error.h"
#include "weights/foreign_text.h"
#include "weights/safetensors_header.h"

namespace vggroove::weights {
namespace {

static_assert(std::endian::native == std::endian::little, "the tensors' bytes are little endian");

constexpr std::uint64_t kLengthBytes = 8;
// The limit of the format's own library; a header of 18 tensors has about 2 kB.
constexpr std::uint64_t kMaxHeaderBytes = 100'000'000;

// The tensors must lie one after the other and fill the data exactly, so that no byte of a file
// can hide.
void check_coverage(const std::filesystem::path& path,
                    const std::map<std::string, SafetensorsEntry, std::less<>>& tensors,
                    std::uint64_t data_begin_byte, std::uint64_t file_bytes) {
  std::vector<std::pair<std::string_view, const SafetensorsEntry*>> by_position;
  by_position.reserve(tensors.size());
  for (const auto& [name, entry] : tensors) {
    by_position.emplace_back(name, &entry);
  }
  std::sort(by_position.begin(), by_position.end(), [](const auto& a, const auto& b) {
    return std::pair(a.second->begin_byte, a.second->size_bytes) <
           std::pair(b.second->begin_byte, b.second->size_bytes);
  });
  std::uint64_t end_byte = data_begin_byte;
  for (const auto& [name, entry] : by_position) {
    if (entry->begin_byte != end_byte) {
      throw Error(
          ErrorClass::kCorrupt,
          fmt::format("{}: tensor {} begins at byte {} {} the tensor before it, which ends "
                      "at byte {}; the file is damaged",
                      path.string(), quoted_name(name), entry->begin_byte,
                      entry->begin_byte < end_byte ? "inside" : "with a gap after", end_byte));
    }
    end_byte += entry->size_bytes;
  }
  if (end_byte != file_bytes) {
    throw Error(ErrorClass::kCorrupt,
                fmt::format("{}: {} bytes follow the last tensor at byte {}; the file is damaged",
                            path.string(), file_bytes - end_byte, end_byte));
  }
}

}  // namespace

SafetensorsFile SafetensorsFile::open(const std::filesystem::path& path) {
  SafetensorsFile result{RandomAccessFile(path)};
  const RandomAccessFile& file = result.file_;
  const auto corrupt = [&](const std::string& what) {
    return Error(ErrorClass::kCorrupt,
                 fmt::format("{}: not a safetensors file: {}", path.string(), what));
  };
  if (file.size_bytes() < kLengthBytes + 2) {
    throw corrupt(fmt::format("it has only {} bytes", file.size_bytes()));
  }
  std::uint64_t header_bytes = 0;
  file.read(0, std::as_writable_bytes(std::span(&header_bytes, 1)));
  if (header_bytes > kMaxHeaderBytes) {
    throw corrupt(fmt::format("the header length at byte 0 is {}, more than {}", header_bytes,
                              kMaxHeaderBytes));
  }
  if (header_bytes > file.size_bytes() - kLengthBytes) {
    throw corrupt(
        fmt::format("the header length at byte 0 is {}, but the file has {} bytes; was "
                    "the download cut off?",
                    header_bytes, file.size_bytes()));
  }
  std::string text(header_bytes, '\0');
  file.read(kLengthBytes, std::as_writable_bytes(std::span(text)));
  const std::uint64_t data_begin_byte = kLengthBytes + header_bytes;
  SafetensorsHeader header =
      parse_safetensors_header(path, text, file.size_bytes() - data_begin_byte);
  for (auto& [name, entry] : header.tensors) {
    entry.begin_byte += data_begin_byte;
  }
  check_coverage(path, header.tensors, data_begin_byte, file.size_bytes());
  result.tensors_ = std::move(header.tensors);
  result.metadata_ = std::move(header.metadata);
  return result;
}

void SafetensorsFile::read(const SafetensorsEntry& entry, std::uint64_t first_byte,
                           std::span<std::byte> out) const {
  if (first_byte > entry.size_bytes || out.size() > entry.size_bytes - first_byte) {
    throw Error(
        ErrorClass::kUsage,
        fmt::format("{}: bytes {} to {} of a tensor of {} bytes were asked for", path().string(),
                    first_byte, first_byte + out.size(), entry.size_bytes));
  }
  file_.read(entry.begin_byte + first_byte, out);
}

SafetensorsWriter::SafetensorsWriter(const std::filesystem::path& path,
                                     const std::map<std::string, std::string>& metadata,
                                     std::span<const TensorHeader> tensors)
    : path_(path), file_(path) {
  nlohmann::ordered_json header = nlohmann::ordered_json::object();
  if (!metadata.empty()) {
    header[kSafetensorsMetadataKey] = metadata;
  }
  std::set<std::string_view> names{kSafetensorsMetadataKey};
  for (const TensorHeader& tensor : tensors) {
    if (!names.insert(tensor.name).second) {
      throw Error(ErrorClass::kUsage, fmt::format("{}: two tensors cannot both be called {}",
                                                  path.string(), quoted_name(tensor.name)));
    }
    const std::uint64_t begin = expected_bytes_;
    expected_bytes_ +=
        static_cast<std::uint64_t>(num_elements(tensor.shape)) * dtype_bytes(tensor.dtype);
    header[tensor.name] = {{"dtype", dtype_name(tensor.dtype)},
                           {"shape", tensor.shape},
                           {"data_offsets", {begin, expected_bytes_}}};
  }
  // A label that is not UTF-8 (an old folder name) must not cost a training run its model.
  std::string text = header.dump(-1, ' ', false, nlohmann::json::error_handler_t::replace);
  text.resize((text.size() + 7) / 8 * 8, ' ');  // spaces, so that the data are aligned
  const std::uint64_t header_bytes = text.size();
  file_.write(std::as_bytes(std::span(&header_bytes, 1)));
  file_.write(text);
}

void SafetensorsWriter::append(std::span<const std::byte> bytes) {
  file_.write(bytes);
  written_bytes_ += bytes.size();
}

void SafetensorsWriter::commit() {
  if (written_bytes_ != expected_bytes_) {
    throw Error(ErrorClass::kUsage,
                fmt::format("{}: {} bytes of tensors were written instead of {}", path_.string(),
                            written_bytes_, expected_bytes_));
  }
  file_.commit();
}

}  // namespace vggroove::weights

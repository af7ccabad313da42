#include "weights/zip_writer.h"

#include <fmt/format.h>
#include <zlib.h>

#include <algorithm>
#include <utility>

#include "base/error.h"

namespace vggroove::weights {
namespace {

constexpr std::uint64_t kMax32 = 0xffffffff;  // "see the zip64 field"
constexpr std::uint64_t kMax16 = 0xffff;
constexpr std::size_t kAlignmentBytes = 64;
constexpr std::uint16_t kVersionZip64 = 45;
constexpr std::uint16_t kFlags = 0x0808;  // sizes follow the data; names are UTF-8
constexpr std::uint16_t kMidnight = 0, kFirstDay1980 = 0x21;
constexpr std::uint16_t kZip64Field = 0x0001;
constexpr std::uint16_t kPaddingField = 0x4246;  // "FB", the one that PyTorch pads with

// Little-endian fields of a zip record.
class Record {
 public:
  Record& u16(std::uint64_t value) { return put(value, 2); }
  Record& u32(std::uint64_t value) { return put(value, 4); }
  Record& u64(std::uint64_t value) { return put(value, 8); }
  Record& text(const std::string& text) {
    bytes_ += text;
    return *this;
  }
  std::size_t size() const { return bytes_.size(); }
  const std::string& bytes() const { return bytes_; }

 private:
  Record& put(std::uint64_t value, int num_bytes) {
    for (int i = 0; i < num_bytes; ++i) {
      bytes_ += static_cast<char>(value >> (8 * i) & 0xff);
    }
    return *this;
  }
  std::string bytes_;
};

bool needs_zip64(std::uint64_t size_bytes) {
  return size_bytes >= kMax32;
}

}  // namespace

ZipWriter::ZipWriter(const std::filesystem::path& path) : path_(path), file_(path) {}

void ZipWriter::write(const std::string& bytes) {
  file_.write(bytes);
  position_ += bytes.size();
}

void ZipWriter::begin_member(const std::string& name, std::uint64_t size_bytes) {
  end_member();
  const bool twice = std::ranges::find(members_, name, &Member::name) != members_.end();
  if (name.empty() || name.size() > kMax16 || twice) {
    throw Error(ErrorClass::kUsage, fmt::format("{}: no {}member can be called \"{}\"",
                                                path_.string(), twice ? "second " : "", name));
  }
  members_.push_back({name, size_bytes, position_, 0});
  Record extra;
  if (needs_zip64(size_bytes)) {
    extra.u16(kZip64Field).u16(16).u64(0).u64(0);  // makes the sizes after the data 8 bytes long
  }
  constexpr std::size_t kFixedBytes = 30, kFieldHeaderBytes = 4;
  const std::uint64_t unpadded =
      position_ + kFixedBytes + name.size() + extra.size() + kFieldHeaderBytes;
  const std::uint64_t padding = (kAlignmentBytes - unpadded % kAlignmentBytes) % kAlignmentBytes;
  extra.u16(kPaddingField).u16(padding).text(std::string(padding, 'Z'));
  Record header;
  header.u32(0x04034b50).u16(kVersionZip64).u16(kFlags).u16(0).u16(kMidnight).u16(kFirstDay1980);
  const std::uint64_t sizes_later = needs_zip64(size_bytes) ? kMax32 : 0;
  header.u32(0).u32(sizes_later).u32(sizes_later).u16(name.size()).u16(extra.size());
  write(header.text(name).text(extra.bytes()).bytes());
  member_left_bytes_ = size_bytes;
  in_member_ = true;
}

void ZipWriter::append(std::span<const std::byte> bytes) {
  if (!in_member_ || bytes.size() > member_left_bytes_) {
    throw Error(ErrorClass::kUsage, path_.string() + ": more bytes than the member was to have");
  }
  if (bytes.empty()) {
    return;  // zlib answers a null pointer with the checksum's start value
  }
  file_.write(bytes);
  position_ += bytes.size();
  member_left_bytes_ -= bytes.size();
  std::uint32_t& crc = members_.back().crc;
  crc = static_cast<std::uint32_t>(
      crc32_z(crc, reinterpret_cast<const unsigned char*>(bytes.data()), bytes.size()));
}

void ZipWriter::end_member() {
  if (!std::exchange(in_member_, false)) {
    return;
  }
  if (member_left_bytes_ != 0) {
    throw Error(ErrorClass::kUsage,
                fmt::format("{}: {} bytes of member {} are missing", path_.string(),
                            member_left_bytes_, members_.back().name));
  }
  const Member& member = members_.back();
  Record descriptor;
  descriptor.u32(0x08074b50).u32(member.crc);
  if (needs_zip64(member.size_bytes)) {
    descriptor.u64(member.size_bytes).u64(member.size_bytes);
  } else {
    descriptor.u32(member.size_bytes).u32(member.size_bytes);
  }
  write(descriptor.bytes());
}

std::string ZipWriter::directory_entry(const Member& member) const {
  Record values;
  if (needs_zip64(member.size_bytes)) {
    values.u64(member.size_bytes).u64(member.size_bytes);
  }
  if (member.begin_byte >= kMax32) {
    values.u64(member.begin_byte);
  }
  Record extra;
  if (values.size() > 0) {
    extra.u16(kZip64Field).u16(values.size()).text(values.bytes());
  }
  const std::uint64_t size = needs_zip64(member.size_bytes) ? kMax32 : member.size_bytes;
  Record entry;
  entry.u32(0x02014b50).u16(kVersionZip64).u16(kVersionZip64).u16(kFlags).u16(0);
  entry.u16(kMidnight).u16(kFirstDay1980).u32(member.crc).u32(size).u32(size);
  entry.u16(member.name.size()).u16(extra.size()).u16(0).u16(0).u16(0).u32(0);
  entry.u32(std::min(member.begin_byte, kMax32)).text(member.name).text(extra.bytes());
  return entry.bytes();
}

void ZipWriter::commit() {
  end_member();
  const std::uint64_t directory_begin = position_;
  for (const Member& member : members_) {
    write(directory_entry(member));
  }
  const std::uint64_t directory_end = position_, directory_bytes = directory_end - directory_begin;
  const std::uint64_t count = members_.size();
  if (count >= kMax16 || directory_end >= kMax32) {
    Record end64;
    end64.u32(0x06064b50).u64(44).u16(kVersionZip64).u16(kVersionZip64).u32(0).u32(0);
    end64.u64(count).u64(count).u64(directory_bytes).u64(directory_begin);
    end64.u32(0x07064b50).u32(0).u64(directory_end).u32(1);  // its locator
    write(end64.bytes());
  }
  Record end;
  end.u32(0x06054b50).u16(0).u16(0).u16(std::min(count, kMax16)).u16(std::min(count, kMax16));
  end.u32(std::min(directory_bytes, kMax32)).u32(std::min(directory_begin, kMax32)).u16(0);
  write(end.bytes());
  file_.commit();
}

}  // namespace vggroove::weights

#include "frontend/audio/missing_end.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <optional>
#include <string_view>
#include <vector>

#include "frontend/audio/audio_file.h"
#include "frontend/audio/content.h"
#include "frontend/audio/mpeg_header.h"

namespace vggroove {
namespace {

using Bytes = std::vector<unsigned char>;

// Fewer than asked at the end of the file.
Bytes bytes_at(AudioFile& file, std::int64_t position, std::size_t count) {
  Bytes bytes(count);
  file.seek(position);
  bytes.resize(file.read(bytes));
  return bytes;
}

bool has_text(const Bytes& bytes, std::size_t at, std::string_view text) {
  return bytes.size() >= at + text.size() &&
         std::equal(text.begin(), text.end(), bytes.begin() + static_cast<std::ptrdiff_t>(at),
                    [](char a, unsigned char b) { return static_cast<unsigned char>(a) == b; });
}

std::uint32_t big_endian(const Bytes& bytes, std::size_t at) {
  return std::uint32_t{bytes[at]} << 24 | std::uint32_t{bytes[at + 1]} << 16 |
         std::uint32_t{bytes[at + 2]} << 8 | bytes[at + 3];
}

std::uint32_t little_endian(const Bytes& bytes, std::size_t at) {
  return std::uint32_t{bytes[at + 3]} << 24 | std::uint32_t{bytes[at + 2]} << 16 |
         std::uint32_t{bytes[at + 1]} << 8 | bytes[at];
}

std::string missing_samples(std::int64_t begin_bytes, std::uint32_t promised_bytes,
                            std::int64_t file_bytes) {
  // Programs that write into a pipe leave one of these, because they cannot come back to fill it
  // in.
  const bool is_unknown = promised_bytes == 0 || promised_bytes >= 0x7ffff000;
  if (is_unknown || begin_bytes + std::int64_t{promised_bytes} <= file_bytes) {
    return {};
  }
  return fmt::format("its header promises {} bytes of samples, {} are there", promised_bytes,
                     std::max<std::int64_t>(file_bytes - begin_bytes, 0));
}

// RIFF, RIFX and FORM: chunks of a name, a length and a body padded to an even length.
std::string missing_in_chunks(AudioFile& file, std::string_view samples_chunk, bool is_big_endian) {
  constexpr std::int64_t kFirstChunk = 12, kChunkHeader = 8;
  for (std::int64_t at = kFirstChunk; at + kChunkHeader <= file.size_bytes();) {
    const Bytes header = bytes_at(file, at, kChunkHeader);
    if (header.size() < kChunkHeader) {
      break;
    }
    const std::uint32_t length = is_big_endian ? big_endian(header, 4) : little_endian(header, 4);
    if (has_text(header, 0, samples_chunk)) {
      return missing_samples(at + kChunkHeader, length, file.size_bytes());
    }
    at += kChunkHeader + std::int64_t{length} + (length & 1);
  }
  return {};
}

std::string missing_in_au(const Bytes& head, std::int64_t file_bytes) {
  const bool is_big_endian = has_text(head, 0, ".snd");
  const std::uint32_t begin = is_big_endian ? big_endian(head, 4) : little_endian(head, 4);
  const std::uint32_t length = is_big_endian ? big_endian(head, 8) : little_endian(head, 8);
  return missing_samples(begin, length, file_bytes);
}

std::string missing_in_flac(const Bytes& head, std::int64_t decoded_frames) {
  // STREAMINFO is always the first block; 36 bits, 0 where the encoder did not know.
  constexpr std::size_t kTotal = 4 + 4 + 13;
  const std::int64_t total =
      std::int64_t{head[kTotal] & 0xf} << 32 | std::int64_t{big_endian(head, kTotal + 1)};
  if (decoded_frames >= total) {
    return {};
  }
  return fmt::format("its header promises {} frames, {} are there", total, decoded_frames);
}

std::string missing_in_ogg(AudioFile& file) {
  constexpr std::int64_t kLongestPage = 27 + 255 + 255 * 255;
  constexpr std::size_t kHeaderBytes = 27, kFlags = 5, kNumSegments = 26;
  constexpr unsigned char kEndOfStream = 4;
  const std::int64_t begin = std::max<std::int64_t>(file.size_bytes() - 2 * kLongestPage, 0);
  const Bytes tail = bytes_at(file, begin, static_cast<std::size_t>(file.size_bytes() - begin));
  constexpr std::string_view kPage = "OggS";
  const auto last = std::find_end(tail.begin(), tail.end(), kPage.begin(), kPage.end());
  const auto at = static_cast<std::size_t>(last - tail.begin());
  if (tail.size() - at < kHeaderBytes ||
      tail.size() - at < kHeaderBytes + tail[at + kNumSegments]) {
    return "its last page is cut";
  }
  std::size_t page_bytes = kHeaderBytes + tail[at + kNumSegments];
  for (std::size_t segment = 0; segment < tail[at + kNumSegments]; ++segment) {
    page_bytes += tail[at + kHeaderBytes + segment];
  }
  if (tail.size() - at < page_bytes) {
    return "its last page is cut";
  }
  return (tail[at + kFlags] & kEndOfStream) != 0 ? "" : "its stream has no last page";
}

// The number of bytes that the encoder wrote into the first frame; 0 where it wrote none.
std::uint32_t xing_bytes(const Bytes& frame, const MpegHeader& header) {
  const bool is_mono = (frame[3] >> 6) == 3;
  const std::size_t side_info_bytes =
      header.version == 1 ? (is_mono ? 17 : 32) : (is_mono ? 9 : 17);
  const std::size_t at = MpegHeader::kBytes + side_info_bytes;
  if (frame.size() < at + 16 || !(has_text(frame, at, "Xing") || has_text(frame, at, "Info"))) {
    return 0;
  }
  constexpr std::uint32_t kHasFrames = 1, kHasBytes = 2;
  const std::uint32_t flags = big_endian(frame, at + 4);
  if ((flags & kHasBytes) == 0) {
    return 0;
  }
  return big_endian(frame, at + ((flags & kHasFrames) != 0 ? 12 : 8));
}

std::string missing_in_mpeg(AudioFile& file) {
  // Encoders disagree on whether their own first frame counts.
  constexpr std::int64_t kSlackBytes = 2048;
  std::optional<MpegHeader> first;
  for (std::int64_t at = 0; at < file.size_bytes();) {
    std::array<unsigned char, MpegHeader::kBytes> bytes = {};
    file.seek(at);
    if (file.read(bytes) < bytes.size()) {
      return {};
    }
    const std::optional<MpegHeader> header = MpegHeader::parse(bytes);
    if (!header || (first && !header->continues(*first))) {
      return {};  // a tag at the end, or damage, which tells nothing about the length
    }
    if (!first) {
      first = header;
      const std::uint32_t promised =
          header->layer == 3 ? xing_bytes(bytes_at(file, at, header->frame_bytes), *header) : 0;
      if (promised > file.size_bytes() + kSlackBytes) {
        return fmt::format("its Xing header promises {} bytes, {} are there", promised,
                           file.size_bytes());
      }
    }
    at += static_cast<std::int64_t>(header->frame_bytes);
    if (at > file.size_bytes()) {
      return "its last frame is cut";
    }
  }
  return {};
}

}  // namespace

std::string missing_end(const std::filesystem::path& path, std::int64_t decoded_frames) {
  AudioFile file(path);
  const AudioContent content = recognise_content(file);
  if (content == AudioContent::kMpeg) {
    return missing_in_mpeg(file);
  }
  constexpr std::size_t kHeadBytes = 32;  // a file that could be decoded is longer
  const Bytes head = bytes_at(file, 0, kHeadBytes);
  if (head.size() < kHeadBytes) {
    return {};
  }
  if (has_text(head, 0, "RIFF") || has_text(head, 0, "RIFX")) {
    return missing_in_chunks(file, "data", has_text(head, 0, "RIFX"));
  }
  if (has_text(head, 0, "FORM")) {
    return missing_in_chunks(file, "SSND", true);
  }
  if (has_text(head, 0, ".snd") || has_text(head, 0, "dns.")) {
    return missing_in_au(head, file.size_bytes());
  }
  if (has_text(head, 0, "fLaC")) {
    return missing_in_flac(head, decoded_frames);
  }
  if (has_text(head, 0, "OggS")) {
    return missing_in_ogg(file);
  }
  return {};
}

}  // namespace vggroove

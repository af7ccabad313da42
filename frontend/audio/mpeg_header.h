#pragma once

#include <array>
#include <cstddef>
#include <optional>
#include <span>

namespace vggroove {

// The four bytes in front of every MPEG-1, 2 and 2.5 audio frame.
struct MpegHeader {
  int version = 0;  // 1, 2; 3 stands for 2.5
  int layer = 0;    // 1, 2, 3
  int sample_rate_hz = 0;
  std::size_t frame_bytes = 0;  // with the header

  static constexpr std::size_t kBytes = 4;

  // Nothing where the bytes are no such header, or one of the free format, which does not tell the
  // length of its frames.
  static std::optional<MpegHeader> parse(std::span<const unsigned char, kBytes> bytes);

  // True where both can stand in one stream.
  bool continues(const MpegHeader& previous) const;
};

}  // namespace vggroove

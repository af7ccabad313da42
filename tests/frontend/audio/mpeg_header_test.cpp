#include "frontend/audio/mpeg_header.h"

#include <gtest/gtest.h>

#include <array>

namespace vggroove {
namespace {

struct Case {
  std::array<unsigned char, 4> bytes;
  int version, layer, sample_rate_hz;
  std::size_t frame_bytes;
};

// Worked out by hand from the standards' tables: samples per frame / 8 * bit rate / rate + padding.
const Case kCases[] = {
    {{0xff, 0xfb, 0x90, 0x64}, 1, 3, 44100, 417},   // 128 kbit/s
    {{0xff, 0xfb, 0x92, 0x64}, 1, 3, 44100, 418},   // the same, padded
    {{0xff, 0xfb, 0xe4, 0x00}, 1, 3, 48000, 960},   // 320 kbit/s
    {{0xff, 0xfa, 0x18, 0xc0}, 1, 3, 32000, 144},   // 32 kbit/s, mono, with a checksum
    {{0xff, 0xfd, 0x84, 0x00}, 1, 2, 48000, 384},   // 128 kbit/s
    {{0xff, 0xff, 0xe8, 0x00}, 1, 1, 32000, 672},   // 448 kbit/s
    {{0xff, 0xff, 0xea, 0x00}, 1, 1, 32000, 676},   // padded: a slot of layer I has 4 bytes
    {{0xff, 0xf3, 0x80, 0x00}, 2, 3, 22050, 208},   // 64 kbit/s, half the samples per frame
    {{0xff, 0xf5, 0xe8, 0x00}, 2, 2, 16000, 1440},  // 160 kbit/s
    {{0xff, 0xe3, 0x18, 0xc0}, 3, 3, 8000, 72},     // 8 kbit/s, MPEG-2.5
};

TEST(MpegHeader, tells_the_length_of_the_frame) {
  for (const Case& expected : kCases) {
    const auto header = MpegHeader::parse(expected.bytes);
    ASSERT_TRUE(header);
    EXPECT_EQ(header->version, expected.version);
    EXPECT_EQ(header->layer, expected.layer);
    EXPECT_EQ(header->sample_rate_hz, expected.sample_rate_hz);
    EXPECT_EQ(header->frame_bytes, expected.frame_bytes);
    EXPECT_TRUE(header->continues(*header));
  }
}

TEST(MpegHeader, refuses_what_the_standards_reserve) {
  const std::array<unsigned char, 4> reserved[] = {
      {0xfe, 0xfb, 0x90, 0x64},  // out of sync
      {0xff, 0xdb, 0x90, 0x64},  // out of sync
      {0xff, 0xeb, 0x90, 0x64},  // version
      {0xff, 0xf9, 0x90, 0x64},  // layer: AAC in ADTS
      {0xff, 0xfb, 0xf0, 0x64},  // bit rate
      {0xff, 0xfb, 0x00, 0x64},  // free format
      {0xff, 0xfb, 0x9c, 0x64},  // sample rate
  };
  for (const auto& bytes : reserved) {
    EXPECT_FALSE(MpegHeader::parse(bytes)) << int{bytes[1]} << " " << int{bytes[2]};
  }
}

TEST(MpegHeader, knows_which_frames_belong_together) {
  const auto first = MpegHeader::parse(kCases[0].bytes),
             padded = MpegHeader::parse(kCases[1].bytes),
             other_rate = MpegHeader::parse(kCases[2].bytes);
  EXPECT_TRUE(padded->continues(*first));
  EXPECT_FALSE(other_rate->continues(*first));
}

}  // namespace
}  // namespace vggroove

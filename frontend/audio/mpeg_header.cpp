#include "frontend/audio/mpeg_header.h"

namespace vggroove {
namespace {

// ISO 11172-3 and 13818-3, table of bit rates in kbit/s; [0] and [15] are free and forbidden.
constexpr int kBitRates[5][16] = {
    {0, 32, 64, 96, 128, 160, 192, 224, 256, 288, 320, 352, 384, 416, 448, 0},  // MPEG-1 layer I
    {0, 32, 48, 56, 64, 80, 96, 112, 128, 160, 192, 224, 256, 320, 384, 0},     // MPEG-1 layer II
    {0, 32, 40, 48, 56, 64, 80, 96, 112, 128, 160, 192, 224, 256, 320, 0},      // MPEG-1 layer III
    {0, 32, 48, 56, 64, 80, 96, 112, 128, 144, 160, 176, 192, 224, 256, 0},     // MPEG-2 layer I
    {0, 8, 16, 24, 32, 40, 48, 56, 64, 80, 96, 112, 128, 144, 160, 0},  // MPEG-2 layers II, III
};
constexpr int kSampleRates[3] = {44100, 48000, 32000};  // MPEG-1; half of it in 2, a quarter in 2.5

std::size_t frame_bytes_of(const MpegHeader& header, int bits_per_second, int padding) {
  if (header.layer == 1) {
    const int slots = 12 * bits_per_second / header.sample_rate_hz + padding;
    return static_cast<std::size_t>(slots) * 4;
  }
  const int samples_per_bit_slot = header.layer == 3 && header.version != 1 ? 72 : 144;
  const int slots = samples_per_bit_slot * bits_per_second / header.sample_rate_hz + padding;
  return static_cast<std::size_t>(slots);
}

}  // namespace

std::optional<MpegHeader> MpegHeader::parse(std::span<const unsigned char, kBytes> bytes) {
  const int version_bits = bytes[1] >> 3 & 3, layer_bits = bytes[1] >> 1 & 3;
  const int rate_bits = bytes[2] >> 2 & 3, bit_rate_bits = bytes[2] >> 4;
  const bool in_sync = bytes[0] == 0xff && (bytes[1] & 0xe0) == 0xe0;
  if (!in_sync || version_bits == 1 || layer_bits == 0 || rate_bits == 3 || bit_rate_bits == 0 ||
      bit_rate_bits == 15) {
    return std::nullopt;
  }
  MpegHeader header;
  header.version = version_bits == 3 ? 1 : version_bits == 2 ? 2 : 3;
  header.layer = 4 - layer_bits;
  header.sample_rate_hz = kSampleRates[rate_bits] >> (header.version - 1);
  const int row = header.version == 1 ? header.layer - 1 : header.layer == 1 ? 3 : 4;
  header.frame_bytes =
      frame_bytes_of(header, 1000 * kBitRates[row][bit_rate_bits], bytes[2] >> 1 & 1);
  return header;
}

bool MpegHeader::continues(const MpegHeader& previous) const {
  return version == previous.version && layer == previous.layer &&
         sample_rate_hz == previous.sample_rate_hz;
}

}  // namespace vggroove

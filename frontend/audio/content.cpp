#include "frontend/audio/content.h"

#include <algorithm>
#include <array>
#include <string>
#include <string_view>
#include <vector>

#include "base/error.h"
#include "frontend/audio/mpeg_frames.h"

namespace vggroove {
namespace {

using namespace std::string_view_literals;

// A tag may hold pictures, but who nests more of them than this wants to keep us busy.
constexpr int kMostTags = 8;
// How far junk may reach before the first MPEG frame: what players search, too.
constexpr std::int64_t kMpegSearchBytes = std::int64_t{128} << 10;

struct Signature {
  std::string_view bytes;
  std::size_t offset = 0;
};

constexpr Signature kLibsndfileSignatures[] = {
    {"fLaC"sv, 0}, {"OggS"sv, 0}, {".snd"sv, 0}, {"dns."sv, 0}, {"riff\x2e"sv, 0},  // W64
    {"caff"sv, 0},
};

struct ForeignContent {
  Signature signature;
  std::string_view name;
};

constexpr ForeignContent kForeignContents[] = {
    {{"ftyp"sv, 4}, "an MP4 (AAC, ALAC) file"},
    {{"\x30\x26\xb2\x75"sv, 0}, "a Windows Media file"},
    {{"\x1a\x45\xdf\xa3"sv, 0}, "a Matroska or WebM file"},
    {{"wvpk"sv, 0}, "a WavPack file"},
    {{"MAC "sv, 0}, "a Monkey's Audio file"},
    {{"AVI "sv, 8}, "an AVI video"},
    {{"MThd"sv, 0}, "a MIDI file"},
    {{"ADIF"sv, 0}, "an AAC stream"},
    {{"\xff\xf1"sv, 0}, "an AAC stream"},
    {{"\xff\xf9"sv, 0}, "an AAC stream"},
    {{"PK\x03\x04"sv, 0}, "a ZIP archive"},
    {{"<!DOCTYPE"sv, 0}, "a web page (perhaps an error page saved in place of the audio)"},
    {{"<html"sv, 0}, "a web page (perhaps an error page saved in place of the audio)"},
};

std::vector<unsigned char> bytes_at(AudioFile& file, std::int64_t position, std::int64_t count) {
  std::vector<unsigned char> bytes(
      static_cast<std::size_t>(std::clamp<std::int64_t>(file.size_bytes() - position, 0, count)));
  file.seek(position);
  bytes.resize(file.read(bytes));
  return bytes;
}

bool begins_with(std::span<const unsigned char> bytes, Signature signature) {
  return bytes.size() >= signature.offset + signature.bytes.size() &&
         std::equal(signature.bytes.begin(), signature.bytes.end(),
                    bytes.begin() + static_cast<std::ptrdiff_t>(signature.offset),
                    [](char a, unsigned char b) { return static_cast<unsigned char>(a) == b; });
}

// ID3v2 tags stand in front of MP3 files, and some taggers put them in front of anything.
void drop_id3_tags(AudioFile& file) {
  for (int tag = 0; tag < kMostTags; ++tag) {
    const std::vector<unsigned char> head = bytes_at(file, 0, 10);
    if (head.size() < 10 || !begins_with(head, {"ID3"sv, 0})) {
      return;
    }
    const bool has_footer = (head[5] & 0x10) != 0;
    const std::int64_t body_bytes =
        (head[6] & 0x7f) << 21 | (head[7] & 0x7f) << 14 | (head[8] & 0x7f) << 7 | (head[9] & 0x7f);
    const std::int64_t tag_bytes = 10 + body_bytes + (has_footer ? 10 : 0);
    if (tag_bytes >= file.size_bytes()) {
      return;  // the tag's length is wrong: the search for frames decides
    }
    file.drop_front(tag_bytes);
  }
}

bool is_for_libsndfile(std::span<const unsigned char> head) {
  const bool is_riff = begins_with(head, {"RIFF"sv, 0}) || begins_with(head, {"RIFX"sv, 0}) ||
                       begins_with(head, {"RF64"sv, 0});
  const bool is_iff = begins_with(head, {"FORM"sv, 0});
  return (is_riff && begins_with(head, {"WAVE"sv, 8})) ||
         (is_iff && (begins_with(head, {"AIFF"sv, 8}) || begins_with(head, {"AIFC"sv, 8}))) ||
         std::any_of(std::begin(kLibsndfileSignatures), std::end(kLibsndfileSignatures),
                     [&](Signature signature) { return begins_with(head, signature); });
}

[[noreturn]] void refuse(const AudioFile& file, const std::string& what) {
  throw Error(ErrorClass::kUnsupported,
              file.path().string() + ": " + what +
                  "; convert it to WAV, FLAC, Ogg Vorbis, Opus, MP3, AIFF, AU, W64, RF64 or CAF");
}

}  // namespace

AudioContent recognise_content(AudioFile& file) {
  drop_id3_tags(file);
  // An Ogg page's header with one segment ends at byte 28; what follows names the codec.
  const std::vector<unsigned char> head = bytes_at(file, 0, 48);
  file.throw_if_read_failed();
  if (begins_with(head, {"OggS"sv, 0}) && begins_with(head, {"OpusHead"sv, 28})) {
    // libsndfile has the layouts of more channels, and those without meaning (family 255).
    constexpr std::size_t kNumChannels = 28 + 9, kLayoutFamily = 28 + 18;
    const bool is_mono_or_stereo =
        head.size() > kLayoutFamily && head[kNumChannels] <= 2 && head[kLayoutFamily] == 0;
    return is_mono_or_stereo ? AudioContent::kOpus : AudioContent::kLibsndfile;
  }
  if (is_for_libsndfile(head)) {
    return AudioContent::kLibsndfile;
  }
  for (const ForeignContent& foreign : kForeignContents) {
    if (begins_with(head, foreign.signature)) {
      refuse(file, "is " + std::string(foreign.name));
    }
  }
  if (const auto position = find_mpeg_frames(file, 0, kMpegSearchBytes)) {
    file.drop_front(*position);
    return AudioContent::kMpeg;
  }
  file.throw_if_read_failed();
  refuse(file, "is not an audio file that can be read");
}

}  // namespace vggroove

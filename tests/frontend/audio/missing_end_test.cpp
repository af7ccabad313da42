#include "frontend/audio/missing_end.h"

#include <gtest/gtest.h>
#include <sndfile.h>

#include <cstdint>
#include <filesystem>
#include <vector>

#include "frontend/audio/audio_reader.h"
#include "tests/support/audio_clip.h"
#include "tests/support/temporary_folder.h"

namespace vggroove {
namespace {

using testing::bytes_of;
using testing::TemporaryFolder;
using testing::write_bytes;

struct Format {
  const char* name;
  int format;
  int sample_rate_hz = 44100;
};

constexpr Format kFormats[] = {
    {"wav", SF_FORMAT_WAV | SF_FORMAT_PCM_16},
    {"rifx", SF_FORMAT_WAV | SF_FORMAT_PCM_16 | SF_ENDIAN_BIG},
    {"aiff", SF_FORMAT_AIFF | SF_FORMAT_PCM_16},
    {"au", SF_FORMAT_AU | SF_FORMAT_PCM_16},
    {"dns", SF_FORMAT_AU | SF_FORMAT_PCM_16 | SF_ENDIAN_LITTLE},
    {"flac", SF_FORMAT_FLAC | SF_FORMAT_PCM_16},
    {"ogg", SF_FORMAT_OGG | SF_FORMAT_VORBIS},
    {"opus", SF_FORMAT_OGG | SF_FORMAT_OPUS, 48000},
    {"mp3", SF_FORMAT_MPEG | SF_FORMAT_MPEG_LAYER_III},
};

std::int64_t num_frames(const std::filesystem::path& path) {
  std::int64_t count = 0;
  AudioReader reader(path, [&](std::span<const float> interleaved, int num_channels) {
    count += std::ssize(interleaved) / num_channels;
  });
  std::vector<float> samples(10000);
  while (reader.read(samples) > 0) {
  }
  return count;
}

class MissingEnd : public ::testing::TestWithParam<Format> {
 protected:
  // A file of 3 s, `share` of its bytes.
  std::string missing_in_part(double share) const {
    const std::filesystem::path whole = folder_ / "whole", part = folder_ / "part";
    testing::write_clip(whole, GetParam().format,
                        testing::make_clip(GetParam().sample_rate_hz, 2, 3, testing::music()));
    const std::vector<char> bytes = bytes_of(whole);
    write_bytes(part, std::span(bytes).first(
                          static_cast<std::size_t>(share * static_cast<double>(bytes.size()))));
    return missing_end(part, num_frames(part));
  }
  TemporaryFolder folder_;
};

TEST_P(MissingEnd, of_a_whole_file_is_nothing) {
  EXPECT_EQ(missing_in_part(1), "");
}

TEST_P(MissingEnd, of_a_cut_file_is_told) {
  for (const double share : {0.9, 0.5}) {
    EXPECT_NE(missing_in_part(share), "") << share;
  }
}

INSTANTIATE_TEST_SUITE_P(Formats, MissingEnd, ::testing::ValuesIn(kFormats),
                         [](const auto& format) { return std::string(format.param.name); });

TEST(MissingEndOfWav, is_unknown_where_a_pipe_was_written_to) {
  const TemporaryFolder folder;
  const auto path = folder / "piped.wav";
  testing::write_clip(path, SF_FORMAT_WAV | SF_FORMAT_PCM_16,
                      testing::make_clip(8000, 1, 1, testing::sine(440)));
  std::vector<char> bytes = bytes_of(path);
  constexpr std::size_t kDataLength = 40;  // in the shortest header
  ASSERT_EQ(std::string(bytes.data() + kDataLength - 4, 4), "data");
  std::fill_n(bytes.begin() + kDataLength, 4, '\xff');
  write_bytes(path, bytes);
  EXPECT_EQ(missing_end(path, 8000), "");
}

TEST(FrameTap, sees_both_channels_in_every_format) {
  const TemporaryFolder folder;
  for (const Format& format : kFormats) {
    const auto path = folder / format.name;
    // The right channel is silent, so the mean of the channels would show.
    const testing::Clip clip = testing::make_clip(
        format.sample_rate_hz, 2, 1,
        [](double t, int channel) { return channel == 0 ? 0.5 * std::sin(2000 * t) : 0; });
    testing::write_clip(path, format.format, clip);
    double left = 0, right = 0;
    AudioReader reader(path, [&](std::span<const float> interleaved, int num_channels) {
      ASSERT_EQ(num_channels, 2);
      for (std::size_t i = 0; i < interleaved.size(); i += 2) {
        left += interleaved[i] * interleaved[i];
        right += interleaved[i + 1] * interleaved[i + 1];
      }
    });
    std::vector<float> samples(10000);
    while (reader.read(samples) > 0) {
    }
    // A sine's power is half its squared amplitude.
    EXPECT_NEAR(left / format.sample_rate_hz, 0.125, 0.01) << format.name;
    EXPECT_LE(right, 1e-3 * left) << format.name;
  }
}

}  // namespace
}  // namespace vggroove

#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <cstdint>
#include <cstring>

#include "tests/frontend/audio/read_audio.h"
#include "tests/support/audio_clip.h"
#include "tests/support/compare.h"
#include "tests/support/expect_error.h"
#include "tests/support/temporary_folder.h"

namespace vggroove {
namespace {

using testing::bytes_of;
using testing::make_clip;
using testing::read_all;
using testing::write_bytes;
using testing::write_clip;

constexpr int kMp3 = SF_FORMAT_MPEG | SF_FORMAT_MPEG_LAYER_III;
constexpr int kFlac = SF_FORMAT_FLAC | SF_FORMAT_PCM_16;
constexpr int kVorbis = SF_FORMAT_OGG | SF_FORMAT_VORBIS;
constexpr int kOpus = SF_FORMAT_OGG | SF_FORMAT_OPUS;

std::vector<char> noise_bytes(std::size_t count) {
  std::vector<char> bytes(count);
  std::uint32_t state = 7;
  for (char& byte : bytes) {
    state = state * 1664525u + 1013904223u;
    byte = static_cast<char>(state >> 24);
  }
  return bytes;
}

template <class... Parts>
std::vector<char> joined(const Parts&... parts) {
  std::vector<char> all;
  (all.insert(all.end(), std::begin(parts), std::end(parts)), ...);
  return all;
}

// An ID3v2.3 tag with `count` bytes of picture.
std::vector<char> id3_tag(std::size_t count) {
  std::vector<char> tag = {'I', 'D', '3', 3, 0, 0};
  for (const int shift : {21, 14, 7, 0}) {
    tag.push_back(static_cast<char>(count >> shift & 0x7f));
  }
  return joined(tag, noise_bytes(count));
}

class DamagedAudio : public ::testing::Test {
 protected:
  std::vector<char> encoded(int format, double duration_s = 2, int rate_hz = 48000) {
    write_clip(folder_ / "clip", format, make_clip(rate_hz, 2, duration_s, testing::music()));
    return bytes_of(folder_ / "clip");
  }
  std::vector<float> samples_of(std::span<const char> bytes) {
    write_bytes(folder_ / "clip", bytes);
    return read_all(folder_ / "clip");
  }

  testing::TemporaryFolder folder_;
};

TEST_F(DamagedAudio, tags_and_junk_around_the_audio_are_not_heard) {
  const std::vector<char> mp3 = encoded(kMp3), flac = encoded(kFlac);
  const std::vector<float> mp3_samples = samples_of(mp3), flac_samples = samples_of(flac);
  EXPECT_EQ(mp3_samples.size(), 32000u);
  EXPECT_EQ(flac_samples.size(), 32000u);
  const std::string ape_tag = "APETAGEX", id3v1_tag = "TAG" + std::string(125, 'x');
  EXPECT_EQ(samples_of(joined(id3_tag(300000), mp3)), mp3_samples);
  EXPECT_EQ(samples_of(joined(id3_tag(100), id3_tag(100), mp3)), mp3_samples);
  EXPECT_EQ(samples_of(joined(noise_bytes(5000), mp3)), mp3_samples);
  EXPECT_EQ(samples_of(joined(std::vector<char>(4000), mp3)), mp3_samples);
  EXPECT_EQ(samples_of(joined(mp3, ape_tag, noise_bytes(70000), id3v1_tag)), mp3_samples);
  EXPECT_EQ(samples_of(joined(mp3, noise_bytes(1))), mp3_samples);
  EXPECT_EQ(samples_of(joined(id3_tag(5000), flac)), flac_samples);
  EXPECT_EQ(samples_of(joined(flac, id3v1_tag)), flac_samples);
}

TEST_F(DamagedAudio, a_file_that_ends_early_is_used_as_far_as_it_goes) {
  for (const int format : {kMp3, kFlac, kVorbis, kOpus, SF_FORMAT_WAV | SF_FORMAT_PCM_16,
                           SF_FORMAT_AIFF | SF_FORMAT_PCM_16}) {
    SCOPED_TRACE(::testing::Message() << std::hex << format);
    const std::vector<char> whole = encoded(format, 4);
    const std::vector<float> expected = samples_of(whole);
    const std::vector<float> samples = samples_of(std::span(whole).first(whole.size() / 2));
    // Ogg pages hold up to a second.
    ASSERT_GT(samples.size(), 15000u);
    ASSERT_LT(samples.size(), 49000u);
    const std::size_t compared = samples.size() - 1500;  // the end of a stream rings differently
    testing::expect_within(
        testing::max_abs_difference(std::span<const float>(samples).first(compared),
                                    std::span<const float>(expected).first(compared)),
        1e-6, "samples before the cut");
  }
}

TEST_F(DamagedAudio, a_cut_caf_is_refused_because_libsndfile_does) {
  const std::vector<char> whole = encoded(SF_FORMAT_CAF | SF_FORMAT_PCM_16);
  testing::expect_error(ErrorClass::kCorrupt, "file is malformed",
                        [&] { samples_of(std::span(whole).first(whole.size() / 2)); });
}

TEST_F(DamagedAudio, an_mp3_goes_on_behind_damage) {
  const std::vector<char> whole = encoded(kMp3, 4, 16000);  // not resampled: whole samples
  const std::vector<float> expected = samples_of(whole);
  const std::vector<float> last_second(expected.end() - 16000, expected.end());
  for (const std::vector<char>& damage :
       {std::vector<char>(1500), noise_bytes(1500), std::vector<char>(1500, '\xff')}) {
    std::vector<char> damaged = whole;
    std::copy(damage.begin(), damage.end(),
              damaged.begin() + static_cast<std::ptrdiff_t>(whole.size() / 2));
    const std::vector<float> samples = samples_of(damaged);
    EXPECT_GT(samples.size(), expected.size() - 16000 / 2);
    EXPECT_LE(samples.size(), expected.size());
    EXPECT_NE(std::search(samples.begin(), samples.end(), last_second.begin(), last_second.end(),
                          [](float a, float b) { return std::abs(a - b) < 1e-5F; }),
              samples.end());
    for (const float sample : samples) {
      ASSERT_LT(std::abs(sample), 0.6F);  // louder than the music: damage decoded as noise
    }
  }
}

TEST_F(DamagedAudio, an_mp3_of_another_rate_behind_the_first_is_an_error) {
  const std::vector<char> first = encoded(kMp3, 1, 48000), second = encoded(kMp3, 1, 44100);
  testing::expect_error(ErrorClass::kCorrupt, "the sample rate changes from 48000 to 44100 Hz",
                        [&] { samples_of(joined(first, second)); });
  EXPECT_NEAR(static_cast<double>(samples_of(joined(first, first)).size()), 32000, 1200);
}

// Where a file has no index, libsndfile guesses its length from the first frame's bit rate.
TEST_F(DamagedAudio, an_mp3_of_variable_bit_rate_is_read_to_its_end_without_an_index) {
  write_clip(folder_ / "clip", kMp3,
             make_clip(48000, 2, 6,
                       [](double time_s, int channel) {
                         return time_s < 3 ? 0.5 * testing::music()(time_s, channel) : 0.0;
                       }),
             [](SNDFILE* file) {
               int mode = SF_BITRATE_MODE_VARIABLE;
               sf_command(file, SFC_SET_BITRATE_MODE, &mode, sizeof mode);
             });
  std::vector<char> bytes = bytes_of(folder_ / "clip");
  const std::size_t whole = read_all(folder_ / "clip").size();
  EXPECT_EQ(whole, 6u * 16000);
  for (const std::string index : {"Xing", "Info"}) {
    const auto at = std::search(bytes.begin(), bytes.end(), index.begin(), index.end());
    if (at != bytes.end()) {
      std::copy_n("none", 4, at);
    }
  }
  EXPECT_GE(samples_of(bytes).size(), whole);  // delay and padding are not cut any more
}

TEST_F(DamagedAudio, an_mp3_inside_a_wav_is_found) {
  const std::vector<char> mp3 = encoded(kMp3, 1, 44100);
  const auto integer = [](std::uint32_t value, int size_bytes) {
    std::string text(4, '\0');
    std::memcpy(text.data(), &value, 4);
    return text.substr(0, static_cast<std::size_t>(size_bytes));
  };
  const auto size_bytes = static_cast<std::uint32_t>(mp3.size());
  const std::string header = "RIFF" + integer(size_bytes + 50, 4) + "WAVEfmt " + integer(30, 4) +
                             integer(0x55, 2) + integer(2, 2) + integer(44100, 4) +
                             integer(16000, 4) + integer(1, 2) + integer(0, 2) + integer(12, 2) +
                             integer(1, 2) + integer(2, 4) + integer(417, 2) + integer(1, 2) +
                             integer(1393, 2) + "data" + integer(size_bytes, 4);
  EXPECT_EQ(samples_of(joined(header, mp3)), samples_of(mp3));
}

TEST_F(DamagedAudio, a_flac_error_names_the_second) {
  std::vector<char> bytes = encoded(kFlac, 4);
  std::fill_n(bytes.begin() + static_cast<std::ptrdiff_t>(bytes.size() / 2), 3000, '\0');
  try {
    samples_of(bytes);
    FAIL() << "nothing was thrown";
  } catch (const Error& error) {
    const std::string message = error.what();
    const std::string words = "decoding stopped at ";
    ASSERT_NE(message.find(words), std::string::npos) << message;
    EXPECT_NEAR(std::stod(message.substr(message.find(words) + words.size())), 2.0, 0.3) << message;
    EXPECT_EQ(error.error_class(), ErrorClass::kCorrupt);
  }
}

TEST_F(DamagedAudio, ogg_streams_go_on_behind_a_lost_page) {
  for (const int format : {kVorbis, kOpus}) {
    std::vector<char> bytes = encoded(format, 8);
    std::fill_n(bytes.begin() + static_cast<std::ptrdiff_t>(bytes.size() / 2), 500, '\0');
    const std::size_t num_samples = samples_of(bytes).size();
    EXPECT_GT(num_samples, 5u * 16000) << std::hex << format;
    EXPECT_LE(num_samples, 8u * 16000) << std::hex << format;
  }
}

TEST_F(DamagedAudio, chained_opus_streams_are_read_to_the_end) {
  const std::vector<char> stereo = encoded(kOpus, 1);
  write_clip(folder_ / "mono", kOpus, make_clip(48000, 1, 1, testing::music()));
  const std::vector<float> chained = samples_of(joined(stereo, bytes_of(folder_ / "mono")));
  ASSERT_EQ(chained.size(), 32000u);
  const std::vector<float> second = read_all(folder_ / "mono");
  for (std::size_t i = 100; i < second.size(); ++i) {
    ASSERT_NEAR(chained[16000 + i], second[i], 1e-6F);
  }
}

// libsndfile decodes both channels with libopus's multistream decoder. In its speech mode libopus
// rounds to 16 bits, each channel there, the mean here.
TEST_F(DamagedAudio, opus_decoded_to_mono_is_the_mean_of_its_channels) {
  for (const double right_gain : {0.3, -0.9}) {
    for (const int kbit_per_s : {12, 48, 128}) {
      const auto clip = make_clip(48000, 2, 1, [&](double time_s, int channel) {
        const double common = testing::music()(time_s, 0);
        return channel == 0 ? common : right_gain * common + 0.05 * testing::music()(time_s, 2);
      });
      write_clip(folder_ / "clip", kOpus, clip, [&](SNDFILE* file) {
        double level = 1 - (kbit_per_s - 6) / 250.0;  // of compression, 0 to 1
        sf_command(file, SFC_SET_COMPRESSION_LEVEL, &level, sizeof level);
      });
      SF_INFO info = {};
      SNDFILE* file = sf_open((folder_ / "clip").c_str(), SFM_READ, &info);
      std::vector<float> interleaved(2 * 48000), mono;
      ASSERT_EQ(sf_readf_float(file, interleaved.data(), 48000), 48000);
      sf_close(file);
      for (std::size_t i = 0; i < interleaved.size(); i += 2) {
        mono.push_back((interleaved[i] + interleaved[i + 1]) / 2);
      }
      write_clip(folder_ / "mean.wav", SF_FORMAT_WAV | SF_FORMAT_FLOAT, {48000, 1, mono});
      const auto expected = read_all(folder_ / "mean.wav"), actual = read_all(folder_ / "clip");
      testing::expect_within(testing::max_abs_difference(std::span<const float>(actual),
                                                         std::span<const float>(expected)),
                             4e-5, "mono");
    }
  }
}

}  // namespace
}  // namespace vggroove

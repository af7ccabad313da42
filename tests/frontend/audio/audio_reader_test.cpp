#include "frontend/audio/audio_reader.h"

#include <gtest/gtest.h>

#include <cstring>
#include <string>
#include <thread>

#include "frontend/audio/decoder.h"
#include "tests/frontend/audio/read_audio.h"
#include "tests/support/audio_clip.h"
#include "tests/support/compare.h"
#include "tests/support/temporary_folder.h"

namespace vggroove {
namespace {

using testing::Clip;
using testing::make_clip;
using testing::read_all;
using testing::sine;
using testing::write_clip;

constexpr int kWavFloat = SF_FORMAT_WAV | SF_FORMAT_FLOAT;
constexpr double kToneHz = 440;

// Largest difference from the tone at 16 kHz, without the ends, where the resampler's filter
// reaches over the clip's edge.
double error_against_tone(const std::vector<float>& samples, double amplitude) {
  constexpr std::size_t kEdge = 400;
  double largest = 0;
  for (std::size_t i = kEdge; i + kEdge < samples.size(); ++i) {
    const double time_s = static_cast<double>(i) / 16000;
    const double expected = amplitude * std::sin(2 * std::numbers::pi * kToneHz * time_s);
    largest = std::max(largest, std::abs(static_cast<double>(samples[i]) - expected));
  }
  return samples.size() > 2 * kEdge ? largest : std::nan("");
}

struct Format {
  const char* name;
  int format;
  double tolerance;  // of the samples of a tone of amplitude 0.5
};

// Half a step of 16 bits is 1.5e-5. Lossy codecs: what their encoders leave of the tone.
const Format kFormats[] = {
    {"WAV", SF_FORMAT_WAV | SF_FORMAT_PCM_16, 5e-5},
    {"WAV", SF_FORMAT_WAVEX | SF_FORMAT_PCM_24, 1e-6},
    {"WAV", SF_FORMAT_WAV | SF_FORMAT_DOUBLE, 1e-6},
    {"FLAC", SF_FORMAT_FLAC | SF_FORMAT_PCM_16, 5e-5},
    {"FLAC", SF_FORMAT_FLAC | SF_FORMAT_PCM_24, 1e-6},
    {"AIFF", SF_FORMAT_AIFF | SF_FORMAT_PCM_16, 5e-5},
    {"AU", SF_FORMAT_AU | SF_FORMAT_PCM_16, 5e-5},
    {"W64", SF_FORMAT_W64 | SF_FORMAT_PCM_16, 5e-5},
    {"RF64", SF_FORMAT_RF64 | SF_FORMAT_PCM_16, 5e-5},
    {"CAF", SF_FORMAT_CAF | SF_FORMAT_PCM_16, 5e-5},
    {"CAF", SF_FORMAT_CAF | SF_FORMAT_ALAC_16, 5e-5},
    {"MP3", SF_FORMAT_MPEG | SF_FORMAT_MPEG_LAYER_III, 0.02},
    {"Ogg Vorbis", SF_FORMAT_OGG | SF_FORMAT_VORBIS, 0.02},
    {"Opus", SF_FORMAT_OGG | SF_FORMAT_OPUS, 0.02},
};

TEST(AudioReader, gives_a_tone_back_at_16_khz_from_every_format) {
  testing::TemporaryFolder folder;
  for (const Format& format : kFormats) {
    const bool is_opus = format.format == (SF_FORMAT_OGG | SF_FORMAT_OPUS);
    const bool is_lossy = format.tolerance > 1e-3;  // at low rates their encoders are rough
    for (const int rate_hz : is_opus    ? std::vector{48000}
                             : is_lossy ? std::vector{44100}
                                        : std::vector{8000, 44100}) {
      for (const int num_channels : {1, 2}) {
        SCOPED_TRACE(::testing::Message()
                     << format.name << " " << std::hex << format.format << std::dec << ", "
                     << rate_hz << " Hz, " << num_channels << " channels");
        // The name says nothing about the content.
        write_clip(folder / "tone.bin", format.format,
                   make_clip(rate_hz, num_channels, 0.4, sine(kToneHz)));
        AudioReader reader(folder / "tone.bin");
        EXPECT_EQ(reader.info().format, format.name);
        EXPECT_EQ(reader.info().sample_rate_hz, rate_hz);
        EXPECT_EQ(reader.info().num_channels, num_channels);
        const std::vector<float> samples = read_all(reader);
        EXPECT_EQ(samples.size(), 6400u);
        EXPECT_EQ(reader.decoded_seconds(), 0.4);
        testing::expect_within(error_against_tone(samples, 0.5), format.tolerance, "tone");
      }
    }
  }
}

TEST(AudioReader, resamples_every_rate_and_takes_the_mean_of_up_to_64_channels) {
  testing::TemporaryFolder folder;
  for (const int rate_hz : {4000, 8000, 11025, 16000, 22050, 44100, 48000, 96000, 192000, 384000}) {
    for (const int num_channels : {1, 2, 6, 64}) {
      SCOPED_TRACE(::testing::Message() << rate_hz << " Hz, " << num_channels << " channels");
      // Channel c has the amplitude 0.5 * 2c / (n - 1), the mean 0.5.
      write_clip(folder / "tone.wav", kWavFloat,
                 make_clip(rate_hz, num_channels, 0.2, [&](double time_s, int channel) {
                   const double weight = num_channels == 1 ? 1 : 2.0 * channel / (num_channels - 1);
                   return weight * sine(kToneHz)(time_s, channel);
                 }));
      const std::vector<float> samples = read_all(folder / "tone.wav");
      EXPECT_EQ(samples.size(), 3200u);
      // soxr HQ: 20 bits, 1e-6.
      testing::expect_within(error_against_tone(samples, 0.5), 2e-6, "tone");
    }
  }
}

TEST(AudioReader, suppresses_what_16_khz_cannot_hold) {
  testing::TemporaryFolder folder;
  for (const double frequency_hz : {8800.0, 12000.0, 15000.0, 21000.0}) {
    write_clip(folder / "high.wav", kWavFloat, make_clip(44100, 1, 0.3, sine(frequency_hz)));
    const std::vector<float> samples = read_all(folder / "high.wav");
    testing::expect_within(error_against_tone(samples, 0), 2e-6, "what is left");
  }
}

TEST(AudioReader, takes_the_mean_before_it_resamples) {
  testing::TemporaryFolder folder;
  for (const int format : {SF_FORMAT_WAV | SF_FORMAT_PCM_16, SF_FORMAT_FLAC | SF_FORMAT_PCM_16}) {
    write_clip(folder / "antiphase", format,
               make_clip(44100, 2, 0.3, [](double time_s, int channel) {
                 return (channel == 0 ? 1 : -1) * sine(1000)(time_s, 0);
               }));
    const std::vector<float> samples = read_all(folder / "antiphase");
    EXPECT_EQ(samples, std::vector<float>(4800, 0.0F));
  }
}

// The decoders of FFmpeg, the mean in float64, python-soxr: tests/golden/audio/make_golden.py.
TEST(AudioReader, agrees_with_ffmpegs_decoders) {
  const std::filesystem::path folder = std::filesystem::path(VGGROOVE_GOLDEN_DIR) / "audio";
  for (const std::string extension : {"flac", "mp3", "ogg", "opus"}) {
    const std::vector<float> actual = read_all(folder / ("clip." + extension));
    const std::vector<float> expected = testing::golden_samples(extension);
    // Amplitudes of 0.5; sums of fp32 in another order. FFmpeg leaves Vorbis's last block uncut,
    // so the ends differ.
    constexpr std::size_t kCompared = 1400;
    ASSERT_GE(actual.size(), kCompared);
    testing::expect_within(
        testing::max_abs_difference(std::span<const float>(actual).first(kCompared),
                                    std::span<const float>(expected).first(kCompared)),
        2e-6, extension.c_str());
  }
}

TEST(AudioReader, reads_the_same_bits_in_every_block_size) {
  testing::TemporaryFolder folder;
  write_clip(folder / "music.flac", SF_FORMAT_FLAC | SF_FORMAT_PCM_16,
             make_clip(44100, 2, 1.3, testing::music()));
  write_clip(folder / "music.mp3", SF_FORMAT_MPEG | SF_FORMAT_MPEG_LAYER_III,
             make_clip(16000, 2, 1.3, testing::music()));
  for (const char* name : {"music.flac", "music.mp3"}) {
    const std::vector<float> expected = read_all(folder / name, 1 << 20);
    EXPECT_EQ(expected.size(), 20800u);
    for (const std::size_t step : {1, 7, 160, 4099}) {
      const std::vector<float> actual = read_all(folder / name, step);
      ASSERT_EQ(actual.size(), expected.size());
      EXPECT_EQ(std::memcmp(actual.data(), expected.data(), expected.size() * sizeof(float)), 0)
          << name << " in steps of " << step;
    }
  }
}

TEST(AudioReader, hands_16_khz_through_untouched) {
  testing::TemporaryFolder folder;
  const Clip clip = make_clip(16000, 1, 0.5, testing::music());
  write_clip(folder / "clip.wav", kWavFloat, clip);
  EXPECT_EQ(read_all(folder / "clip.wav"), clip.interleaved);
}

TEST(AudioReader, counts_the_seconds_of_clips_of_a_few_samples) {
  testing::TemporaryFolder folder;
  for (const int num_frames : {1, 2, 3, 100, 8191, 8192, 8193, 16385}) {
    write_clip(folder / "clip.wav", kWavFloat,
               make_clip(44100, 2, num_frames / 44100.0, sine(kToneHz)));
    AudioReader reader(folder / "clip.wav");
    EXPECT_EQ(reader.decoded_seconds(), 0);
    const std::size_t num_samples = read_all(reader).size();
    EXPECT_NEAR(static_cast<double>(num_samples), num_frames * 16000 / 44100.0, 0.5);
    EXPECT_EQ(reader.decoded_seconds(), num_frames / 44100.0);
    float sample = 7;
    EXPECT_EQ(reader.read({&sample, 1}), 0u);
    EXPECT_EQ(sample, 7);
  }
}

TEST(AudioReader, can_be_moved_while_it_reads) {
  testing::TemporaryFolder folder;
  write_clip(folder / "clip.wav", kWavFloat, make_clip(22050, 1, 1, testing::music()));
  const std::vector<float> expected = read_all(folder / "clip.wav");
  AudioReader first(folder / "clip.wav");
  std::vector<float> samples(1000);
  ASSERT_EQ(first.read(samples), 1000u);
  AudioReader second(std::move(first));
  const std::vector<float> rest = read_all(second);
  samples.insert(samples.end(), rest.begin(), rest.end());
  EXPECT_EQ(samples, expected);
}

TEST(AudioReader, reads_on_several_threads_at_once) {
  testing::TemporaryFolder folder;
  const Clip clip = make_clip(44100, 2, 0.5, testing::music());
  write_clip(folder / "a.mp3", SF_FORMAT_MPEG | SF_FORMAT_MPEG_LAYER_III, clip);
  write_clip(folder / "b.flac", SF_FORMAT_FLAC | SF_FORMAT_PCM_16, clip);
  write_clip(folder / "c.ogg", SF_FORMAT_OGG | SF_FORMAT_VORBIS, clip);
  for (const char* name : {"a.mp3", "b.flac", "c.ogg"}) {
    const std::vector<float> expected = read_all(folder / name);
    std::vector<float> one, other;
    std::thread thread([&] { one = read_all(folder / name); });
    other = read_all(folder / name);
    thread.join();
    EXPECT_EQ(one, expected) << name;
    EXPECT_EQ(other, expected) << name;
  }
}

std::size_t resident_bytes() {
  std::size_t total_pages = 0, resident_pages = 0;
  std::ifstream("/proc/self/statm") >> total_pages >> resident_pages;
  return resident_pages * 4096;
}

TEST(AudioReader, needs_no_more_memory_for_three_hours) {
  testing::TemporaryFolder folder;
  write_clip(folder / "long.wav", SF_FORMAT_WAV | SF_FORMAT_PCM_16, make_clip(4000, 1, 1, sine(9)));
  // Sparse: silence that takes no space on the disk; libsndfile takes 0xffffffff as "to the end".
  constexpr std::uintmax_t kDataBytes = 3 * 3600 * 4000 * 2;
  {
    std::fstream file(folder / "long.wav", std::ios::in | std::ios::out | std::ios::binary);
    const std::uint32_t data_bytes = kDataBytes;
    file.seekp(40).write(reinterpret_cast<const char*>(&data_bytes), 4);
  }
  std::filesystem::resize_file(folder / "long.wav", 44 + kDataBytes);
  AudioReader reader(folder / "long.wav");
  std::vector<float> block(16000);
  ASSERT_EQ(reader.read(block), block.size());
  const std::size_t before = resident_bytes();
  std::size_t num_samples = block.size();
  while (const std::size_t count = reader.read(block)) {
    num_samples += count;
  }
  EXPECT_EQ(num_samples, 3u * 3600 * 16000);
  EXPECT_EQ(reader.decoded_seconds(), 3 * 3600);
  EXPECT_LT(static_cast<double>(resident_bytes()) - static_cast<double>(before), 4e6);
}

TEST(ChannelMean, agrees_with_double_precision_for_every_number_of_channels) {
  for (int num_channels = 1; num_channels <= 64; ++num_channels) {
    const Clip clip = make_clip(8000, num_channels, 0.05, testing::music());
    std::vector<float> mono(clip.num_frames() + 1, 7.0F);
    channel_mean(clip.interleaved, num_channels, mono.data());
    EXPECT_EQ(mono.back(), 7.0F);
    for (std::size_t frame = 0; frame < clip.num_frames(); ++frame) {
      double sum = 0;
      for (int channel = 0; channel < num_channels; ++channel) {
        sum += static_cast<double>(clip.interleaved[frame * static_cast<std::size_t>(num_channels) +
                                                    static_cast<std::size_t>(channel)]);
      }
      // 64 sums and a product of numbers below 1, each rounded by 6e-8 of it at most.
      ASSERT_NEAR(static_cast<double>(mono[frame]), sum / num_channels, 65 * 6e-8);
    }
  }
}

}  // namespace
}  // namespace vggroove

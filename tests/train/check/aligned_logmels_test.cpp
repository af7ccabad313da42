#include "train/check/aligned_logmels.h"

#include <gtest/gtest.h>
#include <sndfile.h>

#include <cstdint>
#include <vector>

#include "frontend/audio/resampler.h"
#include "frontend/logmel/logmel_frames.h"
#include "kernels/dsp/logmel.h"
#include "tests/support/expect_error.h"
#include "tests/support/temporary_folder.h"
#include "tests/train/check/music.h"

namespace vggroove {
namespace {

using testing::Clip;
using testing::cut;
using testing::louder;
using testing::machine_music;
using testing::mono_of;

constexpr double kSeconds = 6;

std::vector<float> logmels_of(const Clip& stereo) {
  const Clip mono = mono_of(stereo);
  Resampler resampler(mono.sample_rate_hz, LogMelSpec::kSampleRateHz);
  std::vector<float> samples;
  for (const auto part : {resampler.push(mono.interleaved), resampler.finish()}) {
    samples.insert(samples.end(), part.begin(), part.end());
  }
  const auto count =
      static_cast<std::size_t>(num_logmel_frames(static_cast<std::int64_t>(samples.size())));
  std::vector<float> logmels(count * LogMelSpec::kNumBands);
  logmel_frames(samples.data(), count, logmels.data());
  return logmels;
}

TEST(AlignedLogMels, of_the_same_sound_are_not_apart_whatever_its_level) {
  const Clip clip = machine_music(1, 1, kSeconds);
  const std::vector<float> logmels = logmels_of(clip);
  // 1 - r with sums of 600 * 33 terms in double: below 1e-9; +-30 dB stay clear of the clamp at 0.
  EXPECT_LE(aligned_logmel_distance(logmels, logmels), 1e-9);
  EXPECT_LE(aligned_logmel_distance(logmels, logmels_of(louder(clip, 0.0316F))), 0.01);
  EXPECT_LE(aligned_logmel_distance(logmels, logmels_of(louder(clip, 31.6F))), 0.01);
}

TEST(AlignedLogMels, find_each_other_over_60_ms_but_not_over_a_second) {
  const Clip clip = machine_music(1, 1, kSeconds);
  const std::vector<float> logmels = logmels_of(clip);
  for (const double begin_s : {0.01, 0.037, 0.06}) {
    const std::vector<float> later = logmels_of(cut(clip, begin_s, kSeconds));
    EXPECT_LE(aligned_logmel_distance(logmels, later), 0.2) << begin_s;
    EXPECT_LE(aligned_logmel_distance(later, logmels), 0.2) << begin_s;
  }
  EXPECT_GT(aligned_logmel_distance(logmels, logmels_of(cut(clip, 1.03, kSeconds))),
            kMaxLogMelDistance);
}

TEST(AlignedLogMels, tell_recordings_of_one_groove_apart) {
  for (std::uint64_t groove = 0; groove < 4; ++groove) {
    const std::vector<float> one = logmels_of(machine_music(10 + groove, groove, kSeconds));
    const std::vector<float> other = logmels_of(machine_music(20 + groove, groove, kSeconds));
    const double distance = aligned_logmel_distance(one, other);
    EXPECT_GT(distance, kMaxLogMelDistance) << "groove " << groove;
  }
}

TEST(AlignedLogMels, that_say_nothing_confirm_nothing) {
  const std::vector<float> silence(300 * LogMelSpec::kNumBands, std::log(0.01F));
  const std::vector<float> music = logmels_of(machine_music(1, 1, kSeconds));
  EXPECT_EQ(aligned_logmel_distance(silence, silence), 1);
  EXPECT_EQ(aligned_logmel_distance(silence, music), 1);
  EXPECT_EQ(aligned_logmel_distance({}, music), 1);
  EXPECT_EQ(aligned_logmel_distance({}, {}), 1);
  EXPECT_EQ(aligned_logmel_distance(std::span(music).first(99 * LogMelSpec::kNumBands), music), 1);
}

TEST(AlignedLogMels, of_files_are_put_together_as_the_pair_says) {
  const testing::TemporaryFolder folder;
  const Clip track = machine_music(1, 1, kSeconds + 3);
  constexpr int kWav = SF_FORMAT_WAV | SF_FORMAT_PCM_16;
  testing::write_clip(folder / "a.wav", kWav, track);
  testing::write_clip(folder / "b.wav", kWav, cut(track, 2.5, kSeconds + 3));
  NearDuplicate pair;
  pair.offset_s = -2.5;
  EXPECT_LE(logmel_distance_of(pair, folder / "a.wav", folder / "b.wav"), 0.01);
  pair.offset_s = 2.5;
  EXPECT_LE(logmel_distance_of(pair, folder / "b.wav", folder / "a.wav"), 0.01);
  EXPECT_GT(logmel_distance_of(pair, folder / "a.wav", folder / "b.wav"), kMaxLogMelDistance);
  testing::expect_error(ErrorClass::kNotFound, "c.wav",
                        [&] { logmel_distance_of(pair, folder / "a.wav", folder / "c.wav"); });
}

}  // namespace
}  // namespace vggroove

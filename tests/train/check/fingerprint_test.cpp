#include "train/check/fingerprint.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>

#include "tests/train/check/music.h"
#include "train/check/near_duplicates.h"

namespace vggroove {
namespace {

using testing::louder;
using testing::machine_music;
using testing::mono_of;

Fingerprint fingerprint_of(std::span<const float> samples, std::size_t step = 5000) {
  FingerprintBuilder builder;
  for (std::size_t i = 0; i < samples.size(); i += step) {
    builder.push(samples.subspan(i, std::min(step, samples.size() - i)));
  }
  return builder.finish();
}

const std::vector<float>& music() {
  static const std::vector<float> samples = mono_of(machine_music(1, 1, 6, 16000)).interleaved;
  return samples;
}

double error_rate(const Fingerprint& a, const Fingerprint& b, std::ptrdiff_t offset = 0) {
  std::size_t num_compared = 0;
  const double rate = bit_error_rate(a, b, offset, num_compared);
  EXPECT_GT(num_compared, a.size() / 2);
  return rate;
}

TEST(Fingerprint, has_a_code_for_each_20_ms_behind_window_and_lag) {
  // 6 s are 598 frames; the first window ends at the 32nd, the first code 8 hops of 2 later.
  EXPECT_EQ(fingerprint_of(music()).size(), (598 - 32 - 16) / 2 + 1);
  EXPECT_TRUE(fingerprint_of(std::span(music()).first(47 * 160 + 399)).empty());
  EXPECT_EQ(fingerprint_of(std::span(music()).first(47 * 160 + 400)).size(), 1U);
}

TEST(Fingerprint, does_not_depend_on_how_the_samples_come) {
  const Fingerprint whole = fingerprint_of(music(), music().size());
  EXPECT_EQ(fingerprint_of(music(), 997), whole);
  EXPECT_EQ(fingerprint_of(music(), 1), whole);
}

TEST(Fingerprint, does_not_depend_on_the_level) {
  const Fingerprint loud = fingerprint_of(music());
  for (const float gain : {0.5F, 0.1F, 0.03F}) {
    const testing::Clip quiet = louder({16000, 1, music()}, gain);
    EXPECT_LE(error_rate(loud, fingerprint_of(quiet.interleaved)), 0.001) << gain;
  }
}

TEST(Fingerprint, moves_with_the_music) {
  const Fingerprint whole = fingerprint_of(music());
  // 10 hops; and the worst case: between two hops.
  EXPECT_EQ(error_rate(whole, fingerprint_of(std::span(music()).subspan(3200)), -10), 0);
  EXPECT_LE(error_rate(whole, fingerprint_of(std::span(music()).subspan(3200 + 160)), -10), 0.12);
}

TEST(Fingerprint, of_other_music_differs_in_many_bits) {
  const Fingerprint one = fingerprint_of(music());
  const Fingerprint other = fingerprint_of(mono_of(machine_music(2, 2, 6, 16000)).interleaved);
  EXPECT_GT(error_rate(one, other), 0.4);
}

TEST(Fingerprint, says_nothing_of_silence_and_of_a_steady_tone) {
  std::vector<float> samples(48000);
  const auto is_zero = [](std::uint32_t code) { return code == 0; };
  const Fingerprint silence = fingerprint_of(samples);
  EXPECT_GT(silence.size(), 100U);
  EXPECT_TRUE(std::all_of(silence.begin(), silence.end(), is_zero));
  for (std::size_t i = 0; i < samples.size(); ++i) {
    samples[i] = 0.5F * static_cast<float>(std::sin(0.2 * static_cast<double>(i)));
  }
  const Fingerprint tone = fingerprint_of(samples);
  EXPECT_TRUE(std::all_of(tone.begin(), tone.end(), is_zero));
}

}  // namespace
}  // namespace vggroove

#include "train/check/signal_facts.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>

#include "tests/support/audio_clip.h"

namespace vggroove {
namespace {

using testing::Clip;
using testing::make_clip;
using testing::sine;

SignalFacts facts_of(const Clip& clip, std::size_t frames_per_push = 1000) {
  SignalMeter meter(clip.sample_rate_hz);
  const std::size_t step = frames_per_push * static_cast<std::size_t>(clip.num_channels);
  const std::span<const float> samples = clip.interleaved;
  for (std::size_t i = 0; i < samples.size(); i += step) {
    meter.push(samples.subspan(i, std::min(step, samples.size() - i)), clip.num_channels);
  }
  return meter.finish();
}

TEST(SignalFacts, of_a_tone) {
  const SignalFacts facts = facts_of(make_clip(8000, 1, 1.05, sine(440, 0.5)));
  EXPECT_EQ(facts.num_frames, 8400);
  EXPECT_NEAR(facts.peak, 0.5, 1e-3);
  EXPECT_EQ(facts.clipped_share, 0);
  EXPECT_EQ(facts.silent_share, 0);
  EXPECT_FALSE(facts.channels_equal);
}

TEST(SignalFacts, clipped_share_counts_runs_of_three_and_more_at_full_scale) {
  Clip clip{8000, 1, std::vector<float>(1000)};
  std::vector<float>& x = clip.interleaved;
  x[10] = 1;                                         // a peak
  x[20] = x[21] = 1;                                 // two: still a peak
  std::fill_n(x.begin() + 30, 3, 32767.0F / 32768);  // 3
  std::fill_n(x.begin() + 40, 5, -1.2F);             // 5: an encoder's overshoot
  x[50] = 1, x[51] = -1, x[52] = 1;                  // 3: magnitudes count
  std::fill_n(x.begin() + 60, 20, 0.99F);            // loud, but below
  EXPECT_EQ(facts_of(clip).clipped_share, 11.0 / 1000);
  EXPECT_EQ(facts_of(clip, 1).clipped_share, 11.0 / 1000);
}

TEST(SignalFacts, clipped_runs_are_of_one_channel) {
  Clip clip{8000, 2, std::vector<float>(2000)};
  for (std::size_t frame = 100; frame < 104; ++frame) {
    clip.interleaved[2 * frame] = 1;
  }
  EXPECT_EQ(facts_of(clip).clipped_share, 4.0 / 2000);
}

TEST(SignalFacts, normalised_tone_is_not_clipped) {
  EXPECT_EQ(facts_of(make_clip(44100, 1, 1, sine(440, 32767.0 / 32768))).clipped_share, 0);
}

TEST(SignalFacts, silent_share_is_of_time_and_does_not_mind_dc) {
  const Clip clip = make_clip(8000, 2, 1, [](double t, int channel) {
    const double hum = 0.25 + 1e-4 * std::sin(300 * t);
    return t >= 0.7 && channel == 1 ? 0.1 * std::sin(3000 * t) : hum;
  });
  EXPECT_NEAR(facts_of(clip).silent_share, 0.7, 1e-12);
  const Clip digital{8000, 1, std::vector<float>(4001)};
  EXPECT_EQ(facts_of(digital).silent_share, 1);
}

TEST(SignalFacts, channels_are_equal_within_60_db) {
  const auto stereo = [](double difference) {
    return make_clip(8000, 2, 0.5, [=](double t, int channel) {
      return 0.5 * std::sin(2000 * t) + (channel == 1 ? difference * std::sin(3100 * t) : 0);
    });
  };
  EXPECT_TRUE(facts_of(stereo(0)).channels_equal);
  EXPECT_TRUE(facts_of(stereo(1e-4)).channels_equal);
  EXPECT_FALSE(facts_of(stereo(2e-3)).channels_equal);
  EXPECT_FALSE(facts_of({8000, 2, std::vector<float>(2000)}).channels_equal) << "silence";
}

TEST(SignalFacts, channels_that_come_and_go_are_not_equal) {
  SignalMeter meter(8000);
  const std::vector<float> ones(800, 0.5F);
  meter.push(ones, 1);
  meter.push(ones, 2);
  const SignalFacts facts = meter.finish();
  EXPECT_FALSE(facts.channels_equal);
  EXPECT_EQ(facts.num_frames, 1200);
}

TEST(SignalFacts, sha256_tells_samples_rates_and_channels_apart) {
  const Clip clip = make_clip(8000, 2, 0.5, sine(440));
  const std::string hash = facts_of(clip).sha256;
  EXPECT_EQ(hash.size(), 64U);
  EXPECT_EQ(facts_of(clip, 7).sha256, hash);
  Clip other = clip;
  other.sample_rate_hz = 8001;
  EXPECT_NE(facts_of(other).sha256, hash);
  other = clip;
  other.num_channels = 1;
  EXPECT_NE(facts_of(other).sha256, hash);
  other = clip;
  other.interleaved[5] += 1e-4F;
  EXPECT_NE(facts_of(other).sha256, hash);
}

}  // namespace
}  // namespace vggroove

#include "frontend/audio/resampler.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <string>

#include "tests/frontend/audio/read_audio.h"
#include "tests/support/compare.h"

namespace vggroove {
namespace {

std::vector<float> noise(std::size_t num_samples) {
  std::vector<float> samples(num_samples);
  unsigned state = 1;
  for (float& sample : samples) {
    state = state * 1664525u + 1013904223u;
    sample = static_cast<float>(static_cast<int>(state >> 16) - 32768) / 32768.0F;
  }
  return samples;
}

std::vector<float> resample(std::span<const float> input, int rate_hz, std::size_t step) {
  Resampler resampler(rate_hz, 16000);
  std::vector<float> output;
  const auto append = [&](std::span<const float> part) {
    output.insert(output.end(), part.begin(), part.end());
  };
  for (std::size_t at = 0; at < input.size(); at += step) {
    append(resampler.push(input.subspan(at, std::min(step, input.size() - at))));
  }
  append(resampler.finish());
  return output;
}

// Python's soxr in one shot, with soxr's own choice of transform sizes: another build of the same
// algorithm. The noise has amplitude 1; fp32 transforms of 4096 values round to some 1e-6 of it.
TEST(Resampler, agrees_with_soxr_in_one_shot) {
  for (const int rate_hz : {8000, 22050, 44100, 48000, 192000}) {
    const std::vector<float> expected =
        testing::golden_samples("resampled_noise_" + std::to_string(rate_hz));
    const std::vector<float> actual =
        resample(noise(static_cast<std::size_t>(rate_hz) / 20), rate_hz, 1000);
    ASSERT_EQ(actual.size(), expected.size()) << rate_hz;
    testing::expect_within(testing::max_abs_difference(std::span<const float>(actual),
                                                       std::span<const float>(expected)),
                           4e-6, std::to_string(rate_hz).c_str());
  }
}

TEST(Resampler, gives_the_same_bits_however_the_input_is_cut) {
  for (const int rate_hz : {4000, 11025, 44100, 384000}) {
    const std::vector<float> input = noise(30011);
    const std::vector<float> expected = resample(input, rate_hz, input.size());
    for (const std::size_t step : {1, 37, 8192}) {
      EXPECT_EQ(resample(input, rate_hz, step), expected) << rate_hz << " Hz, step " << step;
    }
  }
}

TEST(Resampler, gives_nothing_for_nothing) {
  Resampler resampler(44100, 16000);
  EXPECT_TRUE(resampler.push({}).empty());
  EXPECT_TRUE(resampler.finish().empty());
}

}  // namespace
}  // namespace vggroove

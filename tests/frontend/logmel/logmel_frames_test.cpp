#include "frontend/logmel/logmel_frames.h"

#include <algorithm>
#include <cmath>
#include <complex>
#include <cstring>
#include <limits>
#include <numbers>
#include <numeric>
#include <random>
#include <string>
#include <vector>

#include "tests/support/compare.h"
#include "tests/support/simd_targets.h"
#include "weights/npz.h"

namespace vggroove {
namespace {

using testing::expect_within;
using testing::for_each_simd_target;

constexpr int kBands = LogMelSpec::kNumBands;
constexpr int kHop = LogMelSpec::kHopSamples;
constexpr int kWindow = LogMelSpec::kWindowSamples;

// The sum of a band is at most 18 roundings of fp32 (2^-24 each, 36 without FMA), which the
// logarithm turns into an absolute error of 1.1e-6 (2.1e-6 at the very worst without FMA); the
// polynomial adds 6e-8 and the result's own rounding 2.4e-7. The FFT is double.
constexpr double kTolerance = 2e-6;

std::vector<float> noise(std::size_t num_samples, unsigned seed = 1) {
  std::mt19937 random(seed);
  std::vector<float> samples(num_samples);
  for (float& sample : samples) {
    sample = static_cast<float>(random()) * 0x1p-31f - 1.0f;
  }
  return samples;
}

std::size_t samples_of(std::size_t num_frames) {
  return (num_frames - 1) * kHop + kWindow;
}

std::vector<float> logmel_of(const std::vector<float>& samples) {
  const auto num_frames = num_logmel_frames(static_cast<std::int64_t>(samples.size()));
  std::vector<float> logmel(static_cast<std::size_t>(num_frames) * kBands);
  logmel_frames(samples.data(), static_cast<std::size_t>(num_frames), logmel.data());
  return logmel;
}

std::vector<double> reference_of(const std::vector<float>& samples) {
  const std::vector<double> wide(samples.begin(), samples.end());
  const auto num_samples = static_cast<std::int64_t>(samples.size());
  std::vector<double> logmel(static_cast<std::size_t>(num_logmel_frames(num_samples)) * kBands);
  logmel_ref(wide.data(), num_samples, logmel.data());
  return logmel;
}

double max_error(const std::vector<float>& actual, const std::vector<double>& expected) {
  return testing::max_abs_difference(std::span<const float>(actual),
                                     std::span<const double>(expected));
}

bool same_bits(const float* a, const float* b, std::size_t num_values) {
  return std::memcmp(a, b, num_values * sizeof(float)) == 0;
}

template <class T>
std::vector<T> values_of(const weights::NpyArray& array) {
  std::vector<T> values(array.tensor.data.size() / sizeof(T));
  std::memcpy(values.data(), array.tensor.data.data(), values.size() * sizeof(T));
  return values;
}

TEST(LogMelFrames, match_numpy_on_noise_chirp_silence_clipping_and_music) {
  const auto golden = weights::read_npz(VGGROOVE_GOLDEN_DIR "/logmel/golden.npz");
  for (const std::string name : {"noise", "chirp", "silence", "clipping", "music"}) {
    SCOPED_TRACE(name);
    std::vector<float> samples;
    for (const std::int16_t value : values_of<std::int16_t>(golden.at(name + "_pcm"))) {
      samples.push_back(static_cast<float>(value) / 32768.0f);
    }
    const auto expected = values_of<double>(golden.at(name + "_logmel"));
    ASSERT_EQ(expected.size(), 40u * kBands);
    for_each_simd_target(
        [&] { expect_within(max_error(logmel_of(samples), expected), kTolerance, "log-mel"); });
    expect_within(max_error(std::vector<float>(expected.size()), expected) > 4.5 ? 0 : 1, 0.5,
                  "the expected values are not all zero");
  }
}

TEST(LogMelFrames, match_the_reference_for_awkward_numbers_of_frames_and_write_nothing_else) {
  constexpr float kSentinel = -12345.0f;
  for (const std::size_t num_frames : {1, 2, 15, 16, 17, 31, 32, 33, 95, 97}) {
    SCOPED_TRACE(num_frames);
    const auto samples = noise(samples_of(num_frames));
    const auto expected = reference_of(samples);
    for_each_simd_target([&] {
      std::vector<float> guarded(64 + num_frames * kBands + 64, kSentinel);
      logmel_frames(samples.data(), num_frames, guarded.data() + 64);
      const std::vector<float> logmel(guarded.begin() + 64, guarded.end() - 64);
      expect_within(max_error(logmel, expected), kTolerance, "log-mel");
      EXPECT_EQ(std::count(guarded.begin(), guarded.begin() + 64, kSentinel), 64);
      EXPECT_EQ(std::count(guarded.end() - 64, guarded.end(), kSentinel), 64);
    });
  }
}

TEST(LogMelFrames, of_no_frames_are_nothing) {
  float untouched = 7;
  logmel_frames(nullptr, 0, &untouched);
  EXPECT_EQ(untouched, 7);
}

TEST(LogMelFrames, give_the_golden_numbers_of_a_sine) {
  std::vector<float> samples(3 * LogMelSpec::kSampleRateHz);
  for (std::size_t i = 0; i < samples.size(); ++i) {
    const double time_s = static_cast<double>(i) / LogMelSpec::kSampleRateHz;
    samples[i] = static_cast<float>(std::sin(2 * std::numbers::pi * 1000.0 * time_s));
  }
  const auto logmel = logmel_of(samples);
  ASSERT_EQ(logmel.size(), 298u * kBands);
  const std::size_t used = 3 * LogMelSpec::kExampleValues;
  const double mean = std::accumulate(logmel.begin(), logmel.begin() + used, 0.0) / used;
  double squares = 0;
  for (std::size_t i = 0; i < used; ++i) {
    squares += (logmel[i] - mean) * (logmel[i] - mean);
  }
  // fp32 samples of the sine are themselves up to 3e-8 off, about 4e-7 per bin: 4e-5 of the offset.
  EXPECT_NEAR(mean, -3.4296186962, 2e-5);
  EXPECT_NEAR(std::sqrt(squares / used), 2.1265773358, 2e-5);
  const auto max = std::max_element(logmel.begin(), logmel.begin() + kBands);
  EXPECT_NEAR(*max, 4.8111177251, 1e-6);
  EXPECT_EQ(max - logmel.begin(), 19);
  const double row[] = {-4.4831325, -4.2708340, -4.1706427, -4.2377055};
  for (int band = 0; band < 4; ++band) {
    EXPECT_NEAR(logmel[band], row[band], 1e-4);
  }
}

TEST(LogMelFrames, do_not_depend_on_neighbours_nor_on_their_number) {
  const std::size_t num_frames = 97;
  const auto samples = noise(samples_of(num_frames), 3);
  for_each_simd_target([&] {
    const auto all = logmel_of(samples);
    for (std::size_t frame = 0; frame < num_frames; ++frame) {
      for (const std::size_t count : {1, 5, 16, 19}) {
        if (frame + count <= num_frames) {
          std::vector<float> some(count * kBands);
          logmel_frames(samples.data() + frame * kHop, count, some.data());
          ASSERT_TRUE(same_bits(some.data(), all.data() + frame * kBands, some.size()))
              << count << " frames from frame " << frame;
        }
      }
    }
  });
}

TEST(LogMelFrames, with_samples_out_of_range_spoil_no_other_frame) {
  const std::size_t num_frames = 40;
  const auto clean = noise(samples_of(num_frames), 4);
  const std::size_t place = 20 * kHop + 7;  // in frames 18 (from 2880 to 3280), 19 and 20
  for_each_simd_target([&] {
    const auto expected = logmel_of(clean);
    for (const float bad :
         {std::numeric_limits<float>::quiet_NaN(), std::numeric_limits<float>::infinity(),
          std::numeric_limits<float>::max(), 1e30f, -1e30f}) {
      auto samples = clean;
      samples[place] = bad;
      const auto logmel = logmel_of(samples);
      for (std::size_t frame = 0; frame < num_frames; ++frame) {
        const bool touched = frame * kHop <= place && place < frame * kHop + kWindow;
        if (!touched) {
          EXPECT_TRUE(same_bits(&logmel[frame * kBands], &expected[frame * kBands], kBands));
        } else if (std::isnan(bad)) {
          EXPECT_TRUE(std::isnan(logmel[frame * kBands])) << "frame " << frame;
        }
      }
    }
  });
}

// The FFT without mel and logarithm, against a direct DFT.
TEST(SpectrumFrames, match_a_direct_transform) {
  std::vector<float> samples(samples_of(20), 0.0f);
  const auto random = noise(samples_of(10), 5);
  std::copy(random.begin(), random.end(), samples.begin());
  samples[17 * kHop + 211] = 1.0f;  // frames 16 to 17 hold one impulse, 18 and 19 nothing
  for_each_simd_target([&] {
    std::vector<float> magnitudes(20 * kSpectrumBins);
    spectrum_frames(samples.data(), 20, magnitudes.data());
    double largest = 0;
    for (int frame = 0; frame < 20; ++frame) {
      EXPECT_EQ(magnitudes[frame * kSpectrumBins], 0.0f);
      for (int bin = 1; bin < kSpectrumBins; ++bin) {
        std::complex<double> sum = 0;
        for (int i = 0; i < kWindow; ++i) {
          const double window = 0.5 - 0.5 * std::cos(2 * std::numbers::pi * i / kWindow);
          sum += samples[frame * kHop + i] * window *
                 std::polar(1.0, -2 * std::numbers::pi * ((i * bin) % 512) / 512);
        }
        const double expected = std::abs(sum);
        // The square rounds to fp32 (half of 2^-24 after the root), the root too (2^-24).
        const double tolerance = 1e-7 * expected + 1e-12;
        const double actual = magnitudes[frame * kSpectrumBins + bin];
        ASSERT_TRUE(std::abs(actual - expected) <= tolerance)
            << "frame " << frame << " bin " << bin << ": " << actual << ", not " << expected;
        largest = std::max(largest, actual);
      }
    }
    EXPECT_GT(largest, 10);
  });
}

}  // namespace
}  // namespace vggroove

// Augmentation, read back from spectrograms whose values tell where they are from.
#include "train/augmentation.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <vector>

#include "kernels/dsp/logmel.h"
#include "tests/support/compare.h"

namespace vggroove {
namespace {

using testing::expect_within;

constexpr ExampleShape kShape{16, 64};
constexpr std::size_t kClipFrames = 64;
constexpr int kDraws = 500;
// Values up to 63 are rounded to float: 2e-6 each. A step is known from two of them.
constexpr double kRounding = 1e-5;

// A clip of which value_of(frame, band) is every value.
template <class ValueOf>
std::vector<float> clip_of(ValueOf value_of, std::size_t frames = kClipFrames) {
  std::vector<float> clip;
  for (std::size_t frame = 0; frame < frames; ++frame) {
    for (std::size_t band = 0; band < kShape.bands; ++band) {
      clip.push_back(
          static_cast<float>(value_of(static_cast<double>(frame), static_cast<double>(band))));
    }
  }
  return clip;
}

// Hands see(at) several augmented examples, at(frame, band) being one's values.
template <class See>
void for_examples(const std::vector<float>& clip, std::size_t first_frame,
                  const Augmentation& augmentation, See see) {
  Random random(5);
  std::vector<float> example(kShape.count());
  for (int i = 0; i < kDraws; ++i) {
    augmented_example(example, clip, first_frame, kShape, augmentation, random);
    see([&](std::size_t frame, std::size_t band) -> double {
      return example[frame * kShape.bands + band];
    });
  }
}

double frame_of(double frame, double /*band*/) {
  return frame;
}

struct Range {
  double least = 1e9, most = -1e9;
  void add(double value) {
    least = std::min(least, value);
    most = std::max(most, value);
  }
};

TEST(Augmentation, another_tempo_reads_the_clip_at_even_steps_and_never_beyond_it) {
  Range tempos, begins;
  for_examples(clip_of(frame_of), 0, {.random_crop = true, .time_stretch = 1.5}, [&](auto at) {
    const double tempo = (at(15, 0) - at(0, 0)) / 15;
    tempos.add(tempo);
    begins.add(at(0, 0));
    EXPECT_LE(at(15, 0), kClipFrames - 1);
    for (std::size_t frame = 0; frame < kShape.frames; ++frame) {
      expect_within(std::abs(at(frame, 9) - at(0, 0) - tempo * static_cast<double>(frame)),
                    kRounding, "an even step");
    }
  });
  EXPECT_TRUE(tempos.least >= 1 / 1.5001 && tempos.least < 0.68) << tempos.least;
  EXPECT_TRUE(tempos.most <= 1.5001 && tempos.most > 1.47) << tempos.most;
  EXPECT_EQ(begins.least, 0);
  EXPECT_GT(begins.most, kClipFrames - 1 - 15);  // only a slower one can begin there
}

TEST(Augmentation, an_example_at_another_tempo_begins_where_it_would_or_where_it_still_fits) {
  for_examples(clip_of(frame_of), 48, {.time_stretch = 1.5}, [&](auto at) {
    const double tempo = (at(15, 0) - at(0, 0)) / 15;
    EXPECT_EQ(at(0, 0), std::min(48.0, std::floor(63 - 15 * tempo + 1e-6)));
  });
}

TEST(Augmentation, a_clip_of_one_example_is_never_played_more_quickly) {
  Range tempos;
  for_examples(clip_of(frame_of, kShape.frames), 0, {.random_crop = true, .time_stretch = 1.5},
               [&](auto at) { tempos.add((at(15, 0) - at(0, 0)) / 15); });
  EXPECT_EQ(tempos.most, 1);
  EXPECT_LT(tempos.least, 0.68);
}

TEST(Augmentation, a_shift_moves_all_bands_alike_and_repeats_the_outermost) {
  Range shifts;
  for_examples(
      clip_of([](double, double band) { return band; }), 0, {.band_shift = 4}, [&](auto at) {
        const double shift = 32 - at(0, 32);
        shifts.add(shift);
        for (std::size_t frame = 0; frame < kShape.frames; frame += 5) {
          for (std::size_t band = 0; band < kShape.bands; ++band) {
            const double expected = std::clamp(static_cast<double>(band) - shift, 0.0, 63.0);
            expect_within(std::abs(at(frame, band) - expected), kRounding, "band");
          }
        }
      });
  EXPECT_TRUE(shifts.least >= -4.0001 && shifts.least < -3.9) << shifts.least;
  EXPECT_TRUE(shifts.most <= 4.0001 && shifts.most > 3.9) << shifts.most;
}

TEST(Augmentation, a_filter_has_one_gain_per_band_that_changes_steadily_between_few_bands) {
  const double logmel = std::log(0.3 + LogMelSpec::kLogOffset);
  const auto clip = clip_of([&](double, double) { return logmel; });
  Range gains, ends;
  std::size_t most_bends = 0;
  for_examples(clip, 0, {.filter_db = 6}, [&](auto at) {
    const auto gain_db = [&](std::size_t frame, std::size_t band) {
      return 20 * std::log10((std::exp(at(frame, band)) - LogMelSpec::kLogOffset) / 0.3);
    };
    std::size_t bends = 0;
    for (std::size_t band = 0; band < kShape.bands; ++band) {
      EXPECT_EQ(at(0, band), at(15, band));
      gains.add(gain_db(0, band));
      if (band >= 1 && band + 1 < kShape.bands) {
        const double bend = gain_db(0, band - 1) - 2 * gain_db(0, band) + gain_db(0, band + 1);
        bends += std::abs(bend) > 1e-3 ? 1 : 0;
      }
    }
    most_bends = std::max(most_bends, bends);
    ends.add(gain_db(0, 0));
    ends.add(gain_db(0, kShape.bands - 1));
  });
  EXPECT_TRUE(gains.least >= -6.001 && gains.most <= 6.001);
  EXPECT_TRUE(ends.least < -5.9 && ends.most > 5.9) << ends.least << " " << ends.most;
  EXPECT_TRUE(most_bends >= 4 && most_bends <= 8) << most_bends;  // 4 knots, each between two bands
}

TEST(Augmentation, all_at_once_stays_finite_on_silence_and_at_full_scale) {
  const Augmentation all = {.random_crop = true,
                            .time_stretch = 2,
                            .band_shift = 32,
                            .gain_db = 60,
                            .filter_db = 60,
                            .num_time_masks = 2,
                            .num_band_masks = 2};
  const double silence = std::log(LogMelSpec::kLogOffset);
  for (const double value : {silence, 6.0}) {
    for_examples(clip_of([&](double, double) { return value; }), 0, all, [&](auto at) {
      for (std::size_t band = 0; band < kShape.bands; ++band) {
        EXPECT_TRUE(std::isfinite(at(7, band)) && at(7, band) >= silence - 1e-6);
      }
    });
  }
}

}  // namespace
}  // namespace vggroove

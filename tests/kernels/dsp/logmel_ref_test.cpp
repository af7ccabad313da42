// The reference against the golden numbers of the definition (docs: VGGish's own smoke test input,
// a sine of 1 kHz at 16 kHz; figures from the original's float64 arithmetic).
#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <numbers>
#include <numeric>
#include <vector>

#include "kernels/dsp/logmel.h"

namespace vggroove {
namespace {

constexpr int kBands = LogMelSpec::kNumBands;
constexpr int kBins = LogMelSpec::kNumBins;

TEST(MelMatrixRef, has_the_golden_shape_and_sum) {
  std::vector<double> matrix(kBins * kBands);
  mel_matrix_ref(matrix.data());
  int num_nonzero = 0, max_filters_per_bin = 0, first_bin = kBins, last_bin = -1;
  std::vector<int> bins_of_band(kBands);
  for (int bin = 0; bin < kBins; ++bin) {
    int filters = 0;
    for (int band = 0; band < kBands; ++band) {
      if (matrix[bin * kBands + band] > 0) {
        ++filters;
        ++bins_of_band[band];
        first_bin = std::min(first_bin, bin);
        last_bin = bin;
      }
    }
    num_nonzero += filters;
    max_filters_per_bin = std::max(max_filters_per_bin, filters);
  }
  EXPECT_EQ(num_nonzero, 461);
  EXPECT_EQ(max_filters_per_bin, 2);
  EXPECT_EQ(first_bin, 5);
  EXPECT_EQ(last_bin, 239);
  EXPECT_EQ(*std::min_element(bins_of_band.begin(), bins_of_band.end()), 1);
  EXPECT_EQ(*std::max_element(bins_of_band.begin(), bins_of_band.end()), 17);
  EXPECT_NEAR(std::accumulate(matrix.begin(), matrix.end(), 0.0), 230.913599160848, 1e-11);
}

TEST(LogMelRef, gives_the_golden_numbers_of_a_sine) {
  std::vector<double> samples(3 * LogMelSpec::kSampleRateHz);
  for (std::size_t i = 0; i < samples.size(); ++i) {
    const double time_s = static_cast<double>(i) * (1.0 / 16000.0);  // as numpy.arange computes it
    samples[i] = std::sin(2 * std::numbers::pi * 1000.0 * time_s);
  }
  const auto num_frames = num_logmel_frames(static_cast<std::int64_t>(samples.size()));
  ASSERT_EQ(num_frames, 298);
  ASSERT_EQ(num_logmel_examples(static_cast<std::int64_t>(samples.size())), 3);
  std::vector<double> logmel(num_frames * kBands);
  logmel_ref(samples.data(), static_cast<std::int64_t>(samples.size()), logmel.data());

  const std::size_t used = 3 * LogMelSpec::kExampleValues;
  const double mean = std::accumulate(logmel.begin(), logmel.begin() + used, 0.0) / used;
  double squares = 0;
  for (std::size_t i = 0; i < used; ++i) {
    squares += (logmel[i] - mean) * (logmel[i] - mean);
  }
  EXPECT_NEAR(mean, -3.4296186962, 1e-9);
  EXPECT_NEAR(std::sqrt(squares / used), 2.1265773358, 1e-9);
  // The quietest band holds only leakage: a phase error of one ulp of 2 pi 1000 t (4e-12 at 3 s)
  // times the sine's magnitude of 100 over the offset of 0.01 is 4e-8.
  EXPECT_NEAR(*std::min_element(logmel.begin(), logmel.end()), -4.6011630512, 4e-8);
  const auto max = std::max_element(logmel.begin(), logmel.begin() + kBands);
  EXPECT_NEAR(*max, 4.8111177251, 1e-9);
  EXPECT_EQ(max - logmel.begin(), 19);
  const double row[] = {-4.4831325, -4.2708340, -4.1706427, -4.2377055};
  for (int band = 0; band < 4; ++band) {
    EXPECT_NEAR(logmel[band], row[band], 5e-8);
  }
}

}  // namespace
}  // namespace vggroove

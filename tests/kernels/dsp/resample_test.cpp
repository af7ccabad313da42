#include "kernels/dsp/resample.h"

#include <algorithm>
#include <cmath>
#include <complex>
#include <cstring>
#include <numbers>
#include <random>
#include <string>
#include <utility>
#include <vector>

#include "kernels/simt/report.h"
#include "tests/support/compare.h"
#include "tests/support/expect_error.h"
#include "tests/support/guarded_buffer.h"
#include "tests/support/kernel_traffic.h"

namespace vggroove {
namespace {

using testing::expect_within;
using testing::GuardedBuffer;

constexpr int kOutputRateHz = 16000;

struct Batch {
  std::vector<double> input;  // interleaved, full scale [-1, 1), multiples of 2^-15
  std::vector<ResampleClip> clips;
  std::int64_t num_outputs = 0, max_outputs = 0;
};

Batch noise_batch(const std::vector<std::int64_t>& lengths, int num_channels,
                  const ResampleFilter& filter) {
  std::mt19937 random(lengths.size());
  Batch batch;
  std::int64_t first_frame = 0;
  for (const std::int64_t length : lengths) {
    batch.clips.push_back({first_frame, length, batch.num_outputs});
    const std::int64_t num_outputs = num_resampled(length, filter.up, filter.down);
    batch.num_outputs += num_outputs;
    batch.max_outputs = std::max(batch.max_outputs, num_outputs);
    first_frame += length;
  }
  for (std::int64_t i = 0; i < first_frame * num_channels; ++i) {
    batch.input.push_back((static_cast<int>(random() % 65536) - 32768) / 32768.0);
  }
  return batch;
}

template <class T>
T sample_as(double value) {
  return static_cast<T>(std::is_same_v<T, std::int16_t> ? value * 32768 : value);
}

template <class Out, class In>
std::vector<double> resampled(const Batch& batch, int num_channels, const ResampleFilter& filter) {
  GuardedBuffer input(batch.input.size() * sizeof(In));
  std::transform(batch.input.begin(), batch.input.end(), input.as<In>().begin(), sample_as<In>);
  GuardedBuffer clips(batch.clips.size() * sizeof(ResampleClip));
  std::copy(batch.clips.begin(), batch.clips.end(), clips.as<ResampleClip>().begin());
  GuardedBuffer coefficients(filter.coefficients.size() * sizeof(float));
  std::copy(filter.coefficients.begin(), filter.coefficients.end(),
            coefficients.as<float>().begin());
  GuardedBuffer output(batch.num_outputs * sizeof(Out));
  resample(nullptr, output.as<Out>().data(), input.as<In>().data(), clips.as<ResampleClip>().data(),
           static_cast<int>(batch.clips.size()), batch.max_outputs, num_channels, filter,
           coefficients.as<float>().data());
  const auto values = output.as<Out>();
  return {values.begin(), values.end()};
}

std::vector<double> reference_of(const Batch& batch, int num_channels, int input_rate_hz) {
  std::vector<double> output(batch.num_outputs);
  for (const ResampleClip& clip : batch.clips) {
    resample_ref(output.data() + clip.first_output,
                 batch.input.data() + clip.first_input_frame * num_channels, clip.num_input_frames,
                 num_channels, input_rate_hz, kOutputRateHz);
  }
  return output;
}

// Of a sum of |coefficient * sample| in fp32, full-scale samples: a rounding of the mean, of the
// coefficient, of the product, and taps roundings of the sum, each of at most 2^-24 of all of it.
double tolerance_of(const ResampleFilter& filter) {
  double largest = 0;
  for (int n = 0; n < filter.up; ++n) {
    double sum = 0;
    for (int tap = 0; tap < filter.taps; ++tap) {
      sum += std::abs(filter.coefficients[static_cast<std::size_t>(tap) * filter.up + n]);
    }
    largest = std::max(largest, sum);
  }
  return (filter.taps + 3) * 0x1p-24 * largest;
}

double error_of(const std::vector<double>& actual, const std::vector<double>& expected) {
  return testing::max_abs_difference(std::span<const double>(actual),
                                     std::span<const double>(expected));
}

TEST(Resample, matches_the_definition_at_every_usual_rate) {
  for (const int rate_hz : {8000, 11025, 16000, 22050, 32000, 44100, 48000, 96000, 384000}) {
    SCOPED_TRACE(std::to_string(rate_hz) + " Hz");
    const auto filter = make_resample_filter(rate_hz, kOutputRateHz);
    const int frames = rate_hz / 160;  // 10 ms
    const Batch batch = noise_batch({frames, 0, 1, frames / 3}, 1, filter);
    expect_within(
        error_of(resampled<float, float>(batch, 1, filter), reference_of(batch, 1, rate_hz)),
        tolerance_of(filter), "samples");
  }
}

TEST(Resample, takes_the_mean_of_any_number_of_channels_in_any_order_of_threads) {
  const auto filter = make_resample_filter(44100, kOutputRateHz);
  for (const int num_channels : {2, 3, 6}) {
    SCOPED_TRACE(std::to_string(num_channels) + " channels");
    const Batch batch = noise_batch({95, 1, 31, 2000, 0, 33}, num_channels, filter);
    const auto expected = reference_of(batch, num_channels, 44100);
    // The mean adds a rounding a channel.
    const double tolerance = tolerance_of(filter) * (1.0 + num_channels / 100.0);
    std::vector<double> first;
    for (const auto order : {simt::Order::kForward, simt::Order::kReverse, simt::Order::kRandom}) {
      const simt::ThreadOrder in_this_order(order, 3);
      const auto actual = resampled<float, std::int16_t>(batch, num_channels, filter);
      expect_within(error_of(actual, expected), tolerance, "samples");
      first = first.empty() ? actual : first;
      EXPECT_EQ(actual, first);
    }
    const auto from_float = resampled<float, float>(batch, num_channels, filter);
    EXPECT_EQ(from_float, first);  // scaling by 2^-15 rounds nothing
  }
}

TEST(Resample, rounds_to_int16_and_saturates) {
  const auto filter = make_resample_filter(48000, kOutputRateHz);
  Batch batch = noise_batch({900}, 1, filter);
  for (std::size_t i = 0; i < 400; ++i) {
    batch.input[i] = i / 96 % 2 == 0 ? 1 - 0x1p-15 : -1;  // overshoots
  }
  auto expected = reference_of(batch, 1, 48000);
  EXPECT_GT(*std::max_element(expected.begin(), expected.end()), 1.05);
  for (double& value : expected) {
    value = std::clamp(value * 32768, -32768.0, 32767.0);
  }
  const double tolerance = 0.5 + 32768 * tolerance_of(filter);
  expect_within(error_of(resampled<std::int16_t, std::int16_t>(batch, 1, filter), expected),
                tolerance, "from int16");
  expect_within(error_of(resampled<std::int16_t, float>(batch, 1, filter), expected), tolerance,
                "from float");
}

TEST(Resample, leaves_samples_of_the_same_rate_alone) {
  const auto filter = make_resample_filter(kOutputRateHz, kOutputRateHz);
  const Batch batch = noise_batch({97, 200}, 1, filter);
  const auto actual = resampled<float, std::int16_t>(batch, 1, filter);
  EXPECT_EQ(actual, batch.input);
}

TEST(Resample, has_few_bank_conflicts) {
  VGGROOVE_SKIP_UNLESS_COUNTING();
  for (const auto& [rate_hz, passes] : {std::pair{48000, 1.0}, {44100, 2.0}}) {
    SCOPED_TRACE(std::to_string(rate_hz) + " Hz");
    const auto filter = make_resample_filter(rate_hz, kOutputRateHz);
    resampled<std::int16_t, std::int16_t>(noise_batch({rate_hz / 20}, 1, filter), 1, filter);
    const auto reads = simt::last_launch().total.shared_read;
    EXPECT_GT(reads.transactions, 1000u);
    EXPECT_LE(static_cast<double>(reads.transactions),
              passes * static_cast<double>(reads.ideal_transactions));
  }
}

// The response of the filter as its table says it, at a frequency in Hz.
double response_db(const ResampleFilter& filter, int input_rate_hz, double hz) {
  std::complex<double> sum = 0;
  for (int n = 0; n < filter.up; ++n) {
    const auto numerator = static_cast<std::int64_t>(n) * filter.down;
    const double fraction = static_cast<double>(numerator % filter.up) / filter.up;
    for (int tap = 0; tap < filter.taps; ++tap) {
      const double offset = fraction - tap;
      sum +=
          static_cast<double>(filter.coefficients[static_cast<std::size_t>(tap) * filter.up + n]) *
          std::polar(1.0, -2 * std::numbers::pi * hz / input_rate_hz * offset);
    }
  }
  return 20 * std::log10(std::abs(sum) / filter.up);
}

TEST(ResampleFilter, passes_15_16_of_the_band_and_stops_from_17_16) {
  for (const int rate_hz : {8000, 22050, 48000, 384000}) {
    SCOPED_TRACE(std::to_string(rate_hz) + " Hz");
    const auto filter = make_resample_filter(rate_hz, kOutputRateHz);
    const double nyquist_hz = std::min(rate_hz, kOutputRateHz) / 2.0;
    const double highest_hz = static_cast<double>(rate_hz) * filter.up / 2;
    double ripple_db = 0, stop_db = -1000;
    for (int i = 0; i <= 40; ++i) {
      ripple_db = std::max(ripple_db,
                           std::abs(response_db(filter, rate_hz, nyquist_hz * 15 / 16 * i / 40)));
    }
    const double stop_hz = nyquist_hz * 17 / 16;
    for (int i = 0; i <= 80; ++i) {  // close to the edge, then far
      const double hz =
          stop_hz + (i <= 40 ? nyquist_hz / 4 * i / 40 : (highest_hz - stop_hz) * (i - 40) / 40);
      stop_db = std::max(stop_db, response_db(filter, rate_hz, hz));
    }
    expect_within(ripple_db, 1e-4, "ripple of the passband in dB");
    EXPECT_LE(stop_db, -100);
    EXPECT_GE(stop_db, -130) << "not measured at all?";
    ::testing::Test::RecordProperty("ripple_db_" + std::to_string(rate_hz),
                                    std::to_string(ripple_db));
    ::testing::Test::RecordProperty("stop_db_" + std::to_string(rate_hz), std::to_string(stop_db));
  }
}

TEST(ResampleFilter, refuses_rates_that_it_cannot_take) {
  testing::expect_error(ErrorClass::kUnsupported, "from 0 Hz to 16000 Hz: rates must be positive",
                        [] { make_resample_filter(0, kOutputRateHz); });
  testing::expect_error(ErrorClass::kUnsupported, "resample on the host",
                        [] { make_resample_filter(47999, kOutputRateHz); });
}

}  // namespace
}  // namespace vggroove

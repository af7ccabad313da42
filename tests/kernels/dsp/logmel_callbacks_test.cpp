// Log-mel v3: its callbacks, called as cuFFT calls them, and its kernel.
#include <algorithm>
#include <random>
#include <vector>

#include "kernels/simt/report.h"
#include "tests/kernels/dsp/callback_transform.h"
#include "tests/kernels/dsp/direct_transform.h"
#include "tests/support/compare.h"
#include "tests/support/guarded_buffer.h"

namespace vggroove {
namespace {

using testing::expect_within;
using testing::GuardedBuffer;

TEST(LogMelV3, matches_v4_in_any_order_of_threads) {
  const std::vector<ClipSamples> clips{{0, LogMelSpec::kFirstExampleSamples}, {15600, 100}};
  const auto starts = logmel_example_starts(clips);
  ASSERT_EQ(starts.size(), 1u);
  constexpr std::int64_t kNumFrames = LogMelSpec::kExampleFrames;
  constexpr std::size_t kLogMelBytes = LogMelSpec::kExampleValues * sizeof(float);

  std::mt19937 random(1);
  GuardedBuffer samples(LogMelSpec::kFirstExampleSamples * sizeof(float));
  std::generate(samples.as<float>().begin(), samples.as<float>().end(),
                [&] { return static_cast<float>(static_cast<double>(random()) * 0x1p-31 - 1); });
  GuardedBuffer example_starts(sizeof(std::int64_t)), v4(kLogMelBytes);
  example_starts.as<std::int64_t>()[0] = starts[0];
  logmel(nullptr, v4.as<float>().data(), samples.as<float>().data(),
         example_starts.as<std::int64_t>().data(), 1, 3);

  GuardedBuffer window(LogMelSpec::kWindowSamples * sizeof(double));
  std::ranges::copy(logmel_window(), window.as<double>().begin());
  for (const auto order : {simt::Order::kForward, simt::Order::kReverse, simt::Order::kRandom}) {
    const simt::ThreadOrder in_this_order(order, 4);
    GuardedBuffer frames(kNumFrames * LogMelSpec::kFftSize * sizeof(double));
    GuardedBuffer spectra(kNumFrames * LogMelSpec::kNumBins * sizeof(SpectrumBin));
    GuardedBuffer magnitudes(kNumFrames * LogMelSpec::kNumBins * sizeof(float));
    GuardedBuffer info(sizeof(LogMelCallerInfo)), v3(kLogMelBytes);
    info.as<LogMelCallerInfo>()[0] = {samples.as<float>().data(),
                                      example_starts.as<std::int64_t>().data(),
                                      window.as<double>().data(), magnitudes.as<float>().data()};
    logmel_v3(nullptr, v3.as<float>().data(), magnitudes.as<float>().data(), 1,
              [&](Stream stream, std::int64_t num_frames) {
                auto* caller_info = info.as<LogMelCallerInfo>().data();
                load_through_callback(frames.as<double>().data(), caller_info, num_frames);
                testing::direct_transform(stream, spectra.as<SpectrumBin>().data(),
                                          frames.as<double>().data(), num_frames);
                store_through_callback(spectra.as<SpectrumBin>().data(), caller_info, num_frames);
              });
    // Both share the way from magnitudes to log-mel; a power may round to the next float, 2^-24 of
    // a magnitude and of the band.
    expect_within(testing::max_abs_difference(std::span<const float>(v3.as<float>()),
                                              std::span<const float>(v4.as<float>())),
                  1e-6, "difference from v4");
  }
}

}  // namespace
}  // namespace vggroove

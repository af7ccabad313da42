// Log-mel of noise on one core, for every SIMD target of this machine: frames/s and multiples of
// real time by CPU time. Verifies against the double reference first.
//   logmel_bench [--json] [--seconds S]
#include <fmt/format.h>

#include <hwy/highway.h>

#include <cmath>
#include <cstdlib>
#include <nlohmann/json.hpp>
#include <random>
#include <string_view>
#include <vector>

#include "bench/support/cpu_time.h"
#include "frontend/logmel/logmel_frames.h"

namespace {

using namespace vggroove;

constexpr std::size_t kFrames = 31 * LogMelSpec::kExampleFrames;  // 30 s: a clip of GTZAN
constexpr std::int64_t kVerifiedSamples = 2 * LogMelSpec::kSampleRateHz;
constexpr double kTolerance = 2e-6;
constexpr double kFramesPerSecondOfAudio =
    static_cast<double>(LogMelSpec::kSampleRateHz) / LogMelSpec::kHopSamples;

std::vector<float> make_noise() {
  std::mt19937 random(1);
  std::vector<float> samples((kFrames - 1) * LogMelSpec::kHopSamples + LogMelSpec::kWindowSamples);
  for (float& sample : samples) {
    sample = static_cast<float>(random()) * 0x1p-31f - 1.0f;
  }
  return samples;
}

double max_error(const std::vector<float>& samples) {
  const std::vector<double> wide(samples.begin(), samples.begin() + kVerifiedSamples);
  const auto num_frames = static_cast<std::size_t>(num_logmel_frames(kVerifiedSamples));
  std::vector<double> expected(num_frames * LogMelSpec::kNumBands);
  logmel_ref(wide.data(), kVerifiedSamples, expected.data());
  std::vector<float> actual(expected.size());
  logmel_frames(samples.data(), num_frames, actual.data());
  double largest = 0;
  for (std::size_t i = 0; i < actual.size(); ++i) {
    const double error = std::abs(actual[i] - expected[i]);
    largest = error <= largest ? largest : error;  // takes NaN
  }
  return largest;
}

// Example by example, as ClipDecoder works.
template <class Transform>
void for_each_example(const std::vector<float>& samples, const Transform& transform) {
  for (std::size_t frame = 0; frame < kFrames; frame += LogMelSpec::kExampleFrames) {
    transform(samples.data() + frame * LogMelSpec::kHopSamples, LogMelSpec::kExampleFrames);
  }
}

nlohmann::json measure(const std::vector<float>& samples, double seconds) {
  std::vector<float> logmel(LogMelSpec::kExampleValues);
  std::vector<float> spectrum(LogMelSpec::kExampleFrames * kSpectrumBins);
  const auto run_logmel = [&](const float* first, std::size_t num_frames) {
    logmel_frames(first, num_frames, logmel.data());
  };
  const auto run_spectrum = [&](const float* first, std::size_t num_frames) {
    spectrum_frames(first, num_frames, spectrum.data());
  };
  const auto timings = bench::time_interleaved(
      seconds, [&] { for_each_example(samples, run_logmel); },
      [&] { for_each_example(samples, run_spectrum); });
  const double frames_per_s = kFrames / timings[0].best_s;
  return {{"max_error", max_error(samples)},
          {"frames_per_s", frames_per_s},
          {"median_frames_per_s", kFrames / timings[0].median_s},
          {"x_real_time", frames_per_s / kFramesPerSecondOfAudio},
          {"ns_per_frame", 1e9 * timings[0].best_s / kFrames},
          {"spectrum_ns_per_frame", 1e9 * timings[1].best_s / kFrames}};
}

}  // namespace

int main(int argc, char** argv) {
  bool json = false;
  double seconds = 0.5;
  for (int i = 1; i < argc; ++i) {
    const std::string_view argument = argv[i];
    if (argument == "--json") {
      json = true;
    } else if (argument == "--seconds" && i + 1 < argc) {
      seconds = std::atof(argv[++i]);
    } else {
      fmt::print(stderr, "logmel_bench [--json] [--seconds S]\n");
      return 2;
    }
  }
  const auto samples = make_noise();
  nlohmann::json report = nlohmann::json::object();
  bool right = true;
  for (const auto target : hwy::SupportedAndGeneratedTargets()) {
    hwy::SetSupportedTargetsForTest(target);
    const nlohmann::json row = measure(samples, seconds);
    const auto value = [&](const char* key) { return row.at(key).get<double>(); };
    right = right && value("max_error") <= kTolerance;
    if (!json) {
      fmt::print(
          "{:7} {:6.3f} M frames/s per core (median {:6.3f}) = {:6.0f} x real time; "
          "{:5.0f} ns/frame, {:5.0f} for the spectrum alone; "
          "max error {:.1e}\n",
          hwy::TargetName(target), 1e-6 * value("frames_per_s"),
          1e-6 * value("median_frames_per_s"), value("x_real_time"), value("ns_per_frame"),
          value("spectrum_ns_per_frame"), value("max_error"));
    }
    report[hwy::TargetName(target)] = row;
  }
  if (json) {
    fmt::print("{}\n", report.dump(2));
  }
  if (!right) {
    fmt::print(stderr, "logmel_bench: the result is off by more than {}\n", kTolerance);
    return 1;
  }
  return 0;
}

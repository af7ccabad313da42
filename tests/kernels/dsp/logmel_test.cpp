#include "kernels/dsp/logmel.h"

#include <algorithm>
#include <cmath>
#include <cstring>
#include <functional>
#include <numbers>
#include <random>
#include <string>
#include <vector>

#include "kernels/common/bfloat16.h"
#include "kernels/simt/report.h"
#include "tests/kernels/dsp/direct_transform.h"
#include "tests/support/compare.h"
#include "tests/support/expect_error.h"
#include "tests/support/guarded_buffer.h"
#include "tests/support/kernel_traffic.h"

namespace vggroove {
namespace {

using testing::direct_transform;
using testing::expect_within;
using testing::GuardedBuffer;

constexpr int kFftSize = LogMelSpec::kFftSize;
constexpr int kBins = LogMelSpec::kNumBins;
constexpr int kFrames = LogMelSpec::kExampleFrames;
constexpr int kValues = LogMelSpec::kExampleValues;

// Relative error of a band before the logarithm: the square root is off by 2 units (2^-22) on a GPU
// and by two roundings here, the rounded power by half of 2^-24, a weight by 2^-24, and 17 products
// and sums and the offset by 36 * 2^-24 at the very worst. The logarithm makes it absolute: 2.5e-6;
// it adds its own 2^-21.4 on a GPU and the rounding of a result of up to 8, 2^-22. The transform is
// double.
constexpr double kTolerance = 3.2e-6;
constexpr simt::Order kOrders[] = {simt::Order::kForward, simt::Order::kReverse,
                                   simt::Order::kRandom};

struct Batch {
  std::vector<std::int16_t> pcm;
  std::vector<ClipSamples> clips;

  // Between clips lie samples of full scale, which no example may see.
  void append(const std::vector<std::int16_t>& clip) {
    const auto first = static_cast<std::int64_t>(pcm.size());
    pcm.insert(pcm.end(), clip.begin(), clip.end());
    clips.push_back({first, static_cast<std::int64_t>(clip.size())});
    while (pcm.size() % kClipAlignmentSamples != 0) {
      pcm.push_back(-32768);
    }
  }
};

std::vector<std::int16_t> sampled(std::int64_t num_samples,
                                  const std::function<double(double time_s)>& signal) {
  std::vector<std::int16_t> samples(num_samples);
  for (std::int64_t i = 0; i < num_samples; ++i) {
    const double value = 32768 * signal(static_cast<double>(i) / LogMelSpec::kSampleRateHz);
    samples[i] = static_cast<std::int16_t>(std::clamp(std::round(value), -32768.0, 32767.0));
  }
  return samples;
}

std::vector<std::int16_t> noise(std::int64_t num_samples, double amplitude, unsigned seed) {
  std::mt19937 random(seed);
  return sampled(num_samples,
                 [&](double) { return amplitude * (static_cast<double>(random()) * 0x1p-31 - 1); });
}

std::int64_t samples_of(std::int64_t num_frames) {
  return num_frames == 0 ? 0
                         : (num_frames - 1) * LogMelSpec::kHopSamples + LogMelSpec::kWindowSamples;
}

double sine(double hz, double time_s) {
  return std::sin(2 * std::numbers::pi * hz * time_s);
}

// One clip of one example for each signal that is hard in its own way.
Batch hard_signals() {
  Batch batch;
  constexpr std::int64_t kSamples = LogMelSpec::kFirstExampleSamples;
  batch.append(noise(kSamples, 1, 1));
  batch.append(noise(kSamples, 1e-3, 2));
  batch.append(noise(kSamples, 20, 3));  // clipped
  batch.append(std::vector<std::int16_t>(kSamples, 0));
  batch.append(std::vector<std::int16_t>(kSamples, -32768));
  batch.append(
      sampled(kSamples, [](double t) { return std::sin(2 * std::numbers::pi * 4000 * t * t); }));
  batch.append(sampled(kSamples, [](double t) { return 0.5 * sine(7900 * t / 2, t); }));
  for (const double hz : {100.0, 1000.0, 1003.0, 5000.3, 7000.0}) {
    batch.append(sampled(kSamples, [=](double t) { return sine(hz, t); }));
  }
  batch.append(sampled(kSamples, [](double t) { return 2 * sine(1003, t); }));  // clipped
  batch.append(sampled(kSamples, [](double t) { return 20 * sine(440, t); }));  // nearly square
  batch.append(
      sampled(kSamples, [](double t) { return std::cos(2 * std::numbers::pi * 8000 * t); }));
  batch.append(sampled(kSamples, [](double t) { return t == 0.5 ? 1.0 : 0.0; }));
  return batch;
}

std::vector<double> reference_of(const Batch& batch) {
  std::vector<double> logmel;
  for (const ClipSamples& clip : batch.clips) {
    std::vector<double> samples(clip.num_samples);
    for (std::int64_t i = 0; i < clip.num_samples; ++i) {
      samples[i] = batch.pcm[clip.first_sample + i] / 32768.0;
    }
    std::vector<double> frames(num_logmel_frames(clip.num_samples) * LogMelSpec::kNumBands);
    logmel_ref(samples.data(), clip.num_samples, frames.data());
    frames.resize(num_logmel_examples(clip.num_samples) * kValues);
    logmel.insert(logmel.end(), frames.begin(), frames.end());
  }
  return logmel;
}

// As int16, or the same numbers as float: exactly.
template <class In>
In sample_of(std::int16_t value) {
  return std::is_same_v<In, float> ? static_cast<In>(static_cast<float>(value) / 32768) : value;
}

// Device buffers of a batch, each between sentinels; outputs start as NaN.
template <class In>
struct Buffers {
  explicit Buffers(const Batch& batch)
      : example_starts_of_batch(logmel_example_starts(batch.clips)),
        num_examples(static_cast<std::int64_t>(example_starts_of_batch.size())),
        pcm(batch.pcm.size() * sizeof(In)),
        example_starts(num_examples * sizeof(std::int64_t)),
        logmel(num_examples * kValues * sizeof(float)) {
    std::ranges::transform(batch.pcm, pcm.template as<In>().begin(), sample_of<In>);
    std::copy(example_starts_of_batch.begin(), example_starts_of_batch.end(),
              example_starts.as<std::int64_t>().begin());
  }
  std::vector<std::int64_t> example_starts_of_batch;
  std::int64_t num_examples;
  GuardedBuffer pcm, example_starts, logmel;
};

enum class Version { kV1, kV2, kV4 };

// v1 takes int16 only.
template <class In = std::int16_t>
std::vector<float> logmel_of(Version version, const Batch& batch, int max_blocks = 3) {
  Buffers<In> device(batch);
  float* out = device.logmel.template as<float>().data();
  const auto* pcm = device.pcm.template as<In>().data();
  const auto* starts = device.example_starts.template as<std::int64_t>().data();
  if (version == Version::kV4) {
    logmel(nullptr, out, pcm, starts, device.num_examples, max_blocks);
  } else {
    const std::int64_t num_frames = device.num_examples * kFrames;
    GuardedBuffer frames(num_frames * kFftSize * sizeof(double));
    GuardedBuffer spectra(num_frames * kBins * sizeof(SpectrumBin));
    GuardedBuffer magnitudes(num_frames * kBins * sizeof(float));
    if constexpr (std::is_same_v<In, std::int16_t>) {
      if (version == Version::kV1) {
        std::vector<double> matrix(kBins * LogMelSpec::kNumBands);
        mel_matrix_ref(matrix.data());
        GuardedBuffer mel_matrix(matrix.size() * sizeof(float));
        std::transform(matrix.begin(), matrix.end(), mel_matrix.as<float>().begin(),
                       [](double weight) { return static_cast<float>(weight); });
        logmel_v1(nullptr, out, pcm, starts, device.num_examples, mel_matrix.as<float>().data(),
                  frames.as<double>().data(), spectra.as<SpectrumBin>().data(),
                  magnitudes.as<float>().data(), direct_transform);
      }
    }
    if (version == Version::kV2) {
      logmel_v2(nullptr, out, pcm, starts, device.num_examples, frames.as<double>().data(),
                spectra.as<SpectrumBin>().data(), direct_transform);
    }
  }
  const auto values = device.logmel.template as<float>();
  return {values.begin(), values.end()};
}

double error_of(const std::vector<float>& actual, const std::vector<double>& expected) {
  return testing::max_abs_difference(std::span<const float>(actual),
                                     std::span<const double>(expected));
}

bool same_bits(const std::vector<float>& a, const std::vector<float>& b) {
  return a.size() == b.size() && std::memcmp(a.data(), b.data(), a.size() * sizeof(float)) == 0;
}

TEST(LogMelV4, matches_the_definition_on_hard_signals) {
  const Batch batch = hard_signals();
  const auto expected = reference_of(batch);
  const auto actual = logmel_of(Version::kV4, batch);
  ASSERT_EQ(actual.size(), expected.size());
  for (std::size_t clip = 0; clip < batch.clips.size(); ++clip) {
    SCOPED_TRACE("signal " + std::to_string(clip));
    const auto of_clip = [&](const auto& all) {
      return std::vector(all.begin() + clip * kValues, all.begin() + (clip + 1) * kValues);
    };
    expect_within(error_of(of_clip(actual), of_clip(expected)), kTolerance, "log-mel");
  }
  ::testing::Test::RecordProperty("share_of_tolerance",
                                  std::to_string(error_of(actual, expected) / kTolerance));
}

TEST(LogMelV4, computes_a_ragged_batch_in_any_order_of_threads_and_any_number_of_blocks) {
  Batch batch;
  unsigned seed = 4;
  for (const std::int64_t num_frames : {0, 1, 31, 32, 33, 95, 96, 97, 191, 192}) {
    batch.append(noise(samples_of(num_frames) + 7, 0.3, ++seed));
  }
  const auto expected = reference_of(batch);
  ASSERT_EQ(expected.size(), 5u * kValues);
  const auto one_block_a_tile = logmel_of(Version::kV4, batch, 1000);
  const auto expect_blocks = [](std::uint64_t num_blocks) {
    if (simt::simulating()) {
      EXPECT_EQ(simt::last_launch().num_blocks, num_blocks);
    }
  };
  expect_blocks(15);
  expect_within(error_of(one_block_a_tile, expected), kTolerance, "log-mel");
  for (const auto order : kOrders) {
    const simt::ThreadOrder in_this_order(order, 11);
    for (const int max_blocks : {1, 4}) {
      EXPECT_TRUE(same_bits(logmel_of(Version::kV4, batch, max_blocks), one_block_a_tile));
      expect_blocks(static_cast<std::uint64_t>(max_blocks));
    }
  }
}

TEST(LogMelV4, rounds_once_to_bf16) {
  Batch batch;
  batch.append(noise(LogMelSpec::kFirstExampleSamples, 0.1, 9));
  const auto exact = logmel_of(Version::kV4, batch);
  Buffers<std::int16_t> device(batch);
  GuardedBuffer rounded(kValues * sizeof(BFloat16));
  logmel(nullptr, rounded.as<BFloat16>().data(), device.pcm.as<std::int16_t>().data(),
         device.example_starts.as<std::int64_t>().data(), 1, 3);
  for (int i = 0; i < kValues; ++i) {
    ASSERT_EQ(rounded.as<BFloat16>()[i].bits, to_bfloat16(exact[i]).bits) << i;
  }
}

TEST(LogMelV2AndV4, give_the_same_bits_for_the_same_numbers_as_int16_and_as_float) {
  Batch batch;
  batch.append(noise(300, 1, 5));
  batch.append(noise(LogMelSpec::kFirstExampleSamples + LogMelSpec::kExampleHopSamples, 1, 8));
  for (const auto version : {Version::kV2, Version::kV4}) {
    EXPECT_TRUE(same_bits(logmel_of<float>(version, batch), logmel_of(version, batch)));
  }
}

TEST(LogMelV1AndV2, match_the_definition_and_v4) {
  Batch batch;
  batch.append(
      sampled(LogMelSpec::kFirstExampleSamples + 100, [](double t) { return sine(3000 * t, t); }));
  batch.append(noise(300, 1, 5));
  batch.append(noise(LogMelSpec::kFirstExampleSamples, 0.01, 6));
  const auto expected = reference_of(batch);
  const auto v4 = logmel_of(Version::kV4, batch);
  const std::vector<double> v4_in_double(v4.begin(), v4.end());
  for (const auto version : {Version::kV1, Version::kV2}) {
    for (const auto order : kOrders) {
      const simt::ThreadOrder in_this_order(order, 12);
      const auto actual = logmel_of(version, batch);
      expect_within(error_of(actual, expected), kTolerance, "log-mel");
      expect_within(error_of(actual, v4_in_double), 2 * kTolerance, "difference from v4");
    }
  }
}

TEST(LogMel, of_no_examples_launches_nothing) {
  EXPECT_TRUE(logmel_example_starts({}).empty());
  EXPECT_TRUE(logmel_example_starts({{0, 0}, {16, 399}, {416, 15599}}).empty());
  logmel<float, float>(nullptr, nullptr, nullptr, nullptr, 0, 1);
  logmel_v2<float>(nullptr, nullptr, nullptr, nullptr, 0, nullptr, nullptr, direct_transform);
  logmel_v1(nullptr, nullptr, nullptr, nullptr, 0, nullptr, nullptr, nullptr, nullptr,
            direct_transform);
}

TEST(LogMel, examples_of_a_clip_lie_96_hops_apart) {
  const std::vector<std::int64_t> expected{32, 32 + 15360};
  EXPECT_EQ(logmel_example_starts({{0, 15599}, {32, 30960}}), expected);
  testing::expect_error(ErrorClass::kUsage, "begins at sample 8,", [] {
    logmel_example_starts({{8, 20000}});
  });
}

// 32 kB (int16) of PCM and 25.6 kB of log-mel a second; an example is 0.96 s.
template <class In>
void expect_little_traffic(double most_over_floor, const char* what) {
  SCOPED_TRACE(what);
  Batch batch;
  batch.append(noise(LogMelSpec::kFirstExampleSamples + 2 * LogMelSpec::kExampleHopSamples, 1, 7));
  logmel_of<In>(Version::kV4, batch, 2);
  const double floor_bytes = 3 * 0.96 * (16000 * sizeof(In) + 25600);
  const double moved_bytes = testing::global_bytes(simt::last_launch().total);
  ::testing::Test::RecordProperty(std::string("traffic_over_floor_") + what,
                                  std::to_string(moved_bytes / floor_bytes));
  EXPECT_GE(moved_bytes, floor_bytes);
  EXPECT_LE(moved_bytes, most_over_floor * floor_bytes);
  EXPECT_GT(simt::last_launch().total.shared_read.transactions, 10000u);
  testing::expect_no_bank_conflicts();
}

// The figures that the kernel promises in its header.
TEST(LogMelV4, moves_little_more_than_it_must_and_has_no_bank_conflicts) {
  VGGROOVE_SKIP_UNLESS_COUNTING();
  expect_little_traffic<std::int16_t>(1.05, "int16");
  // Half of a tile's samples come later, for which a warp looks up again where they are.
  expect_little_traffic<float>(1.06, "float");
}

}  // namespace
}  // namespace vggroove

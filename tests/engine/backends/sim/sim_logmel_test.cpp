// Log-mel on the device, by our own launch and through the stand-in of cuFFT, against the float64
// definition.
#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <cstdint>
#include <cstring>
#include <span>
#include <vector>

#include "engine/backends/cuda/check.h"
#include "engine/backends/cuda/logmel.h"
#include "engine/backends/cuda/staging.h"
#include "engine/backends/sim/simulator.h"
#include "tests/engine/backends/sim/device_array.h"
#include "tests/kernels/dsp/direct_transform.h"
#include "tests/support/compare.h"
#include "tests/support/expect_error.h"

namespace vggroove::cuda {
namespace {

using sim::Simulator;
using testing::expect_within;

constexpr std::int64_t kValues = LogMelSpec::kExampleValues;
constexpr std::int64_t kFftSize = LogMelSpec::kFftSize;
constexpr std::int64_t kBins = LogMelSpec::kNumBins;
// Of each method against the definition; derived in tests/kernels/dsp/logmel_test.cpp.
constexpr double kTolerance = 3.2e-6;

struct Batch {
  std::vector<float> samples;
  std::vector<ClipSamples> clips;

  // Between clips lie samples beyond full scale, which no example may see.
  void append(const std::vector<float>& clip) {
    const auto first = static_cast<std::int64_t>(samples.size());
    samples.insert(samples.end(), clip.begin(), clip.end());
    clips.push_back({first, static_cast<std::int64_t>(clip.size())});
    samples.resize(
        (samples.size() + kClipAlignmentSamples) / kClipAlignmentSamples * kClipAlignmentSamples,
        -7);
  }
};

std::size_t samples_of(std::int64_t num_frames) {
  return static_cast<std::size_t>((num_frames - 1) * LogMelSpec::kHopSamples +
                                  LogMelSpec::kWindowSamples);
}

Batch ragged_batch() {
  Batch batch;
  std::uint32_t seed = 0;
  batch.append({});
  for (const std::int64_t num_frames : {1, 95, 96, 97, 193}) {
    batch.append(testing::ramp(samples_of(num_frames) + 7, ++seed));
  }
  // A tone of full scale: transformed in single precision, the bands beside it are off by 7e-4.
  std::vector<float> tone(samples_of(96));
  for (std::size_t i = 0; i < tone.size(); ++i) {
    tone[i] = static_cast<float>(std::sin(0.4 * static_cast<double>(i)));
  }
  batch.append(tone);
  return batch;
}

std::vector<double> reference_of(const Batch& batch) {
  std::vector<double> logmel;
  for (const ClipSamples& clip : batch.clips) {
    const auto first = batch.samples.begin() + clip.first_sample;
    const std::vector<double> samples(first, first + clip.num_samples);
    std::vector<double> frames(
        static_cast<std::size_t>(num_logmel_frames(clip.num_samples) * LogMelSpec::kNumBands));
    logmel_ref(samples.data(), clip.num_samples, frames.data());
    frames.resize(static_cast<std::size_t>(num_logmel_examples(clip.num_samples) * kValues));
    logmel.insert(logmel.end(), frames.begin(), frames.end());
  }
  return logmel;
}

// `count` values of T in device memory, copied through `copies`.
template <class T>
DeviceBuffer on_device(const CudaStream& stream, StagedCopies& copies,
                       const std::vector<T>& values) {
  DeviceBuffer buffer(values.size() * sizeof(T));
  copies.to_device(stream, buffer.data(), values.data(), buffer.bytes());
  return buffer;
}

template <class T>
std::vector<T> to_host_sync(const CudaStream& stream, StagedCopies& copies,
                            const DeviceBuffer& buffer) {
  std::vector<T> values(buffer.bytes() / sizeof(T));
  copies.to_host_sync(stream, values.data(), buffer.data(), buffer.bytes());
  return values;
}

// Twice, into the same memory: the second time as a graph.
std::vector<float> logmel_of(LogmelMethod method, const Batch& batch) {
  const CudaStream stream;
  StagedCopies copies;
  const auto starts = logmel_example_starts(batch.clips);
  const DeviceBuffer samples = on_device(stream, copies, batch.samples);
  const DeviceLogmel logmel(method, stream, samples.as<float>(), starts);
  // With a value behind the last that must stay as it is.
  constexpr float kSentinel = 77;
  const std::vector<float> fresh(starts.size() * kValues + 1, kSentinel);
  const DeviceBuffer out = on_device(stream, copies, fresh);
  logmel.run(out.as<float>());
  auto values = to_host_sync<float>(stream, copies, out);
  copies.to_device(stream, out.data(), fresh.data(), out.bytes());
  CudaGraph(stream, [&] { logmel.run(out.as<float>()); }).launch(stream);
  EXPECT_EQ(to_host_sync<float>(stream, copies, out), values);
  EXPECT_EQ(values.back(), kSentinel);
  values.pop_back();
  return values;
}

template <class Expected>
double error_of(const std::vector<float>& actual, const std::vector<Expected>& expected) {
  return testing::max_abs_difference(std::span<const float>(actual),
                                     std::span<const Expected>(expected));
}

class SimLogmel : public ::testing::Test {
 protected:
  ~SimLogmel() override { EXPECT_EQ(Simulator::get().leaks(), ""); }
};

TEST_F(SimLogmel, all_methods_equal_the_definition_on_ragged_clips) {
  const Batch batch = ragged_batch();
  const std::vector<double> expected = reference_of(batch);
  ASSERT_EQ(expected.size(), 5u * kValues);
  const auto own = logmel_of(LogmelMethod::kOwn, batch);
  expect_within(error_of(own, expected), kTolerance, "own");
  for (const auto method : {LogmelMethod::kCufft, LogmelMethod::kCufftCallbacks}) {
    const auto cufft = logmel_of(method, batch);
    expect_within(error_of(cufft, expected), kTolerance, "cufft");
    expect_within(error_of(cufft, own), 2 * kTolerance, "one from the other");
  }
}

TEST_F(SimLogmel, v1_through_cufft_equals_the_definition) {
  const Batch batch = ragged_batch();
  const auto starts = logmel_example_starts(batch.clips);
  const auto num_examples = static_cast<std::int64_t>(starts.size());
  const std::int64_t num_frames = num_examples * LogMelSpec::kExampleFrames;
  // v1 takes int16.
  std::vector<std::int16_t> int16;
  Batch rounded = batch;
  for (float& sample : rounded.samples) {
    int16.push_back(static_cast<std::int16_t>(std::clamp(32768 * sample, -32768.0F, 32767.0F)));
    sample = static_cast<float>(int16.back()) / 32768;
  }
  std::vector<double> matrix(kBins * LogMelSpec::kNumBands);
  mel_matrix_ref(matrix.data());

  const CudaStream stream;
  StagedCopies copies;
  const DeviceBuffer pcm = on_device(stream, copies, int16);
  const DeviceBuffer starts_dev = on_device(stream, copies, starts);
  const DeviceBuffer mel =
      on_device(stream, copies, std::vector<float>(matrix.begin(), matrix.end()));
  const auto buffer = [](std::int64_t count, std::size_t bytes) {
    return DeviceBuffer(static_cast<std::size_t>(count) * bytes);
  };
  const DeviceBuffer frames = buffer(num_frames * kFftSize, sizeof(double)),
                     spectra = buffer(num_frames * kBins, sizeof(SpectrumBin)),
                     magnitudes = buffer(num_frames * kBins, sizeof(float)),
                     out = buffer(num_examples * kValues, sizeof(float));
  const LogmelTransform transform(stream, num_frames);
  const DeviceBuffer workspace(transform.workspace_bytes());
  transform.use_workspace(workspace.data());
  logmel_v1(stream.get(), out.as<float>(), pcm.as<std::int16_t>(), starts_dev.as<std::int64_t>(),
            num_examples, mel.as<float>(), frames.as<double>(), spectra.as<SpectrumBin>(),
            magnitudes.as<float>(), [&](Stream, SpectrumBin* to, const double* from, std::int64_t) {
              transform.run(to, from);
            });
  expect_within(error_of(to_host_sync<float>(stream, copies, out), reference_of(rounded)),
                kTolerance, "v1");
}

TEST_F(SimLogmel, a_transform_equals_the_sums_of_the_definition) {
  constexpr std::int64_t kFrames = 3;
  const std::vector<float> ramp = testing::ramp(kFrames * kFftSize, 5);
  const std::vector<double> given(ramp.begin(), ramp.end());
  const CudaStream stream;
  StagedCopies copies;
  const DeviceBuffer frames = on_device(stream, copies, given);
  const DeviceBuffer out(kFrames * kBins * sizeof(SpectrumBin));
  const LogmelTransform transform(stream, kFrames);
  const DeviceBuffer workspace(transform.workspace_bytes());
  transform.use_workspace(workspace.data());
  transform.run(out.as<SpectrumBin>(), frames.as<double>());
  const auto spectra = to_host_sync<SpectrumBin>(stream, copies, out);

  std::vector<SpectrumBin> expected(kFrames * kBins);
  testing::direct_transform(nullptr, expected.data(), given.data(), kFrames);
  // 512 products and sums of at most 1, each rounded to 53 bits, one after the other.
  constexpr double kSumTolerance = 512 * 512 * 0x1p-53;
  for (std::size_t i = 0; i < spectra.size(); ++i) {
    ASSERT_TRUE(std::abs(spectra[i].re - expected[i].re) <= kSumTolerance) << i;
    ASSERT_TRUE(std::abs(spectra[i].im - expected[i].im) <= kSumTolerance) << i;
  }
}

TEST_F(SimLogmel, the_bits_of_an_example_do_not_depend_on_the_batch) {
  Batch one, many;
  const std::vector<float> clip = testing::ramp(samples_of(96), 1);
  one.append(clip);
  many.append(testing::ramp(samples_of(96 * 2), 2));
  many.append(clip);
  const auto alone = logmel_of(LogmelMethod::kOwn, one);
  const auto together = logmel_of(LogmelMethod::kOwn, many);
  ASSERT_EQ(together.size(), 3u * kValues);
  EXPECT_EQ(std::memcmp(alone.data(), &together[2 * kValues], kValues * sizeof(float)), 0);
}

TEST_F(SimLogmel, too_little_memory_and_a_lost_device_are_errors) {
  const CudaStream stream;
  const DeviceBuffer samples(LogMelSpec::kFirstExampleSamples * sizeof(float));
  Simulator& gpu = Simulator::get();
  const std::size_t limit = gpu.memory.device_limit();
  gpu.memory.set_device_limit(std::size_t{400} << 10);
  for (const auto method : {LogmelMethod::kCufft, LogmelMethod::kCufftCallbacks}) {
    EXPECT_THROW(DeviceLogmel(method, stream, samples.as<float>(), {0}), OutOfDeviceMemory);
  }
  gpu.memory.set_device_limit(limit);

  gpu.lose_device();
  testing::expect_error(ErrorClass::kDevice, "cufftCreate: CUFFT_EXEC_FAILED (logmel_transform.cpp",
                        [&] { LogmelTransform(stream, 32); });
  gpu.repair_device();
}

}  // namespace
}  // namespace vggroove::cuda

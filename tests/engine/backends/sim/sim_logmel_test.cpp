// Log-mel on the device, by our own launch and through the stand-in of cuFFT, against the float64
// definition.
#include <gtest/gtest.h>

#include <cmath>
#include <cstdint>
#include <cstring>
#include <span>
#include <vector>

#include "engine/backends/cuda/check.h"
#include "engine/backends/cuda/logmel.h"
#include "engine/backends/sim/simulator.h"
#include "kernels/common/bfloat16.h"
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
constexpr LogmelMethod kMethods[] = {LogmelMethod::kOwn, LogmelMethod::kCufft,
                                     LogmelMethod::kCufftCallbacks};

struct Batch {
  std::vector<std::int16_t> pcm;
  std::vector<ClipSamples> clips;

  // Between clips lie samples of full scale, which no example may see.
  void append(const std::vector<float>& clip) {
    const auto first = static_cast<std::int64_t>(pcm.size());
    for (const float value : clip) {
      pcm.push_back(static_cast<std::int16_t>(value * 32767));
    }
    clips.push_back({first, static_cast<std::int64_t>(clip.size())});
    pcm.resize((pcm.size() + kClipAlignmentSamples) / kClipAlignmentSamples * kClipAlignmentSamples,
               -32768);
  }
  std::int64_t num_examples() const {
    return static_cast<std::int64_t>(logmel_example_starts(clips).size());
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
    std::vector<double> samples(static_cast<std::size_t>(clip.num_samples));
    for (std::size_t i = 0; i < samples.size(); ++i) {
      samples[i] = batch.pcm[static_cast<std::size_t>(clip.first_sample) + i] / 32768.0;
    }
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

template <class Out = float>
std::vector<Out> logmel_of(LogmelMethod method, const Batch& batch) {
  const CudaStream stream;
  StagedCopies copies;
  DeviceLogmel logmel(method, stream, copies, batch.num_examples());
  const DeviceBuffer pcm = on_device(stream, copies, batch.pcm);
  // With a value behind the last that must stay as it is.
  const auto num_values = static_cast<std::size_t>(batch.num_examples() * kValues);
  const Out sentinel{};
  const DeviceBuffer out = on_device(stream, copies, std::vector<Out>(num_values + 1, sentinel));
  EXPECT_EQ(logmel.run(out.as<Out>(), pcm.as<std::int16_t>(), batch.clips), batch.num_examples());
  auto values = to_host_sync<Out>(stream, copies, out);
  EXPECT_EQ(std::memcmp(&values.back(), &sentinel, sizeof sentinel), 0);
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
  const std::int64_t num_frames = batch.num_examples() * LogMelSpec::kExampleFrames;
  std::vector<double> matrix(kBins * LogMelSpec::kNumBands);
  mel_matrix_ref(matrix.data());

  const CudaStream stream;
  StagedCopies copies;
  const DeviceBuffer pcm = on_device(stream, copies, batch.pcm);
  const DeviceBuffer starts_dev = on_device(stream, copies, starts);
  const DeviceBuffer mel =
      on_device(stream, copies, std::vector<float>(matrix.begin(), matrix.end()));
  const auto buffer = [](std::int64_t count, std::size_t bytes) {
    return DeviceBuffer(static_cast<std::size_t>(count) * bytes);
  };
  const DeviceBuffer frames = buffer(num_frames * kFftSize, sizeof(double)),
                     spectra = buffer(num_frames * kBins, sizeof(SpectrumBin)),
                     magnitudes = buffer(num_frames * kBins, sizeof(float)),
                     out = buffer(batch.num_examples() * kValues, sizeof(float));
  const LogmelTransform transform(stream, num_frames);
  const DeviceBuffer workspace(transform.workspace_bytes());
  transform.use_workspace(workspace.data());
  logmel_v1(stream.get(), out.as<float>(), pcm.as<std::int16_t>(), starts_dev.as<std::int64_t>(),
            batch.num_examples(), mel.as<float>(), frames.as<double>(), spectra.as<SpectrumBin>(),
            magnitudes.as<float>(), [&](Stream, SpectrumBin* to, const double*, std::int64_t n) {
              transform.run(to, frames.as<double>(), n);
            });
  expect_within(error_of(to_host_sync<float>(stream, copies, out), reference_of(batch)), kTolerance,
                "v1");
}

TEST_F(SimLogmel,
       a_transform_equals_the_sums_of_the_definition_and_sets_missing_frames_to_silence) {
  constexpr std::int64_t kFrames = 3, kMaxFrames = 5;
  const std::vector<float> ramp = testing::ramp(kMaxFrames * kFftSize, 5);
  const std::vector<double> given(ramp.begin(), ramp.end());
  const CudaStream stream;
  StagedCopies copies;
  const DeviceBuffer frames = on_device(stream, copies, given);
  const DeviceBuffer out(kMaxFrames * kBins * sizeof(SpectrumBin));
  const LogmelTransform transform(stream, kMaxFrames);
  const DeviceBuffer workspace(transform.workspace_bytes());
  transform.use_workspace(workspace.data());
  transform.run(out.as<SpectrumBin>(), frames.as<double>(), kFrames);
  const auto spectra = to_host_sync<SpectrumBin>(stream, copies, out);

  std::vector<SpectrumBin> expected(kMaxFrames * kBins);  // zeros
  testing::direct_transform(nullptr, expected.data(), given.data(), kFrames);
  // 512 products and sums of at most 1, each rounded to 53 bits, one after the other.
  constexpr double kSumTolerance = 512 * 512 * 0x1p-53;
  for (std::size_t i = 0; i < spectra.size(); ++i) {
    ASSERT_TRUE(std::abs(spectra[i].re - expected[i].re) <= kSumTolerance) << i;
    ASSERT_TRUE(std::abs(spectra[i].im - expected[i].im) <= kSumTolerance) << i;
  }
  testing::expect_error(ErrorClass::kUsage, "6 frames for a transform of at most 5", [&] {
    transform.run(out.as<SpectrumBin>(), frames.as<double>(), kMaxFrames + 1);
  });
}

// More examples than cuFFT takes at a time, in parts of 32 and 1.
TEST_F(SimLogmel, the_bits_of_an_example_do_not_depend_on_the_batch) {
  Batch one, many;
  const std::vector<float> clip = testing::ramp(samples_of(96), 1);
  one.append(clip);
  many.append(testing::ramp(samples_of(96 * 32), 2));
  many.append(clip);
  ASSERT_EQ(many.num_examples(), 33);
  const auto own = logmel_of(LogmelMethod::kOwn, many);
  for (const auto method : kMethods) {
    const auto alone = logmel_of(method, one), together = logmel_of(method, many);
    EXPECT_EQ(std::memcmp(alone.data(), &together[32 * kValues], kValues * sizeof(float)), 0);
    expect_within(error_of(together, own), 2 * kTolerance, "one from the other");
  }
}

TEST_F(SimLogmel, bf16_is_fp32_rounded_once) {
  Batch batch;
  batch.append(testing::ramp(samples_of(96), 3));
  for (const auto method : kMethods) {
    const auto exact = logmel_of(method, batch);
    const auto rounded = logmel_of<BFloat16>(method, batch);
    ASSERT_EQ(rounded.size(), exact.size());
    for (std::size_t i = 0; i < exact.size(); ++i) {
      ASSERT_EQ(rounded[i].bits, to_bfloat16(exact[i]).bits) << i;
    }
  }
}

TEST_F(SimLogmel, too_many_examples_and_too_little_memory_are_errors) {
  const Batch batch = ragged_batch();
  const CudaStream stream;
  StagedCopies copies;
  DeviceLogmel logmel(LogmelMethod::kOwn, stream, copies, 3);
  testing::expect_error(ErrorClass::kUsage, "clips with 5 examples in a batch of at most 3",
                        [&] { logmel.run<float>(nullptr, nullptr, batch.clips); });
  EXPECT_EQ(logmel.run<float>(nullptr, nullptr, {{0, 15599}}), 0);

  Simulator& gpu = Simulator::get();
  const std::size_t limit = gpu.memory.device_limit();
  gpu.memory.set_device_limit(std::size_t{14} << 20);
  for (const auto method : {LogmelMethod::kCufft, LogmelMethod::kCufftCallbacks}) {
    EXPECT_THROW(DeviceLogmel(method, stream, copies, 3), OutOfDeviceMemory);
  }
  gpu.memory.set_device_limit(limit);

  gpu.lose_device();
  testing::expect_error(ErrorClass::kDevice, "cufftCreate: CUFFT_EXEC_FAILED (logmel_transform.cpp",
                        [&] { LogmelTransform(stream, 32); });
  gpu.repair_device();
}

}  // namespace
}  // namespace vggroove::cuda

// Log-mel on the device, by our own launch and through the stand-in of cuFFT, against the float64
// definition; and what the stand-in finds.
#include <gtest/gtest.h>

#include <cmath>
#include <cstdint>
#include <cstring>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "engine/backends/cuda/check.h"
#include "engine/backends/cuda/logmel.h"
#include "engine/backends/sim/simulator.h"
#include "kernels/common/bfloat16.h"
#include "tests/engine/backends/sim/device_array.h"
#include "tests/kernels/dsp/direct_transform.h"
#include "tests/support/compare.h"
#include "tests/support/expect_error.h"
#include "tests/support/sim_violation.h"

namespace vggroove::cuda {
namespace {

using sim::Simulator;
using testing::expect_violation;
using testing::expect_within;

constexpr std::int64_t kValues = LogMelSpec::kExampleValues;
constexpr std::int64_t kFftSize = LogMelSpec::kFftSize;
constexpr std::int64_t kBins = LogMelSpec::kNumBins;
// Of each method against the definition; derived in tests/kernels/dsp/logmel_test.cpp.
constexpr double kTolerance = 3.2e-6;

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
  DeviceLogmel logmel(method, stream, batch.num_examples());
  const DeviceBuffer pcm = on_device(stream, copies, batch.pcm);
  // With a value behind the last that must stay as it is.
  const auto num_values = static_cast<std::size_t>(batch.num_examples() * kValues);
  const Out sentinel{};
  const DeviceBuffer out = on_device(stream, copies, std::vector<Out>(num_values + 1, sentinel));
  EXPECT_EQ(logmel.run(out.as<Out>(), pcm.as<std::int16_t>(), batch.clips, copies),
            batch.num_examples());
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
  ~SimLogmel() override { EXPECT_EQ(Simulator::get().leaks(), ""); }  // behind members of SimCufft
};

TEST_F(SimLogmel, both_methods_equal_the_definition_on_ragged_clips) {
  const Batch batch = ragged_batch();
  const std::vector<double> expected = reference_of(batch);
  ASSERT_EQ(expected.size(), 5u * kValues);
  const auto own = logmel_of(LogmelMethod::kOwn, batch);
  const auto cufft = logmel_of(LogmelMethod::kCufft, batch);
  expect_within(error_of(own, expected), kTolerance, "own");
  expect_within(error_of(cufft, expected), kTolerance, "cufft");
  expect_within(error_of(cufft, own), 2 * kTolerance, "one from the other");
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
  for (const auto method : {LogmelMethod::kOwn, LogmelMethod::kCufft}) {
    const auto alone = logmel_of(method, one), together = logmel_of(method, many);
    EXPECT_EQ(std::memcmp(alone.data(), &together[32 * kValues], kValues * sizeof(float)), 0);
  }
  expect_within(
      error_of(logmel_of(LogmelMethod::kCufft, many), logmel_of(LogmelMethod::kOwn, many)),
      2 * kTolerance, "one from the other");
}

TEST_F(SimLogmel, bf16_is_fp32_rounded_once) {
  Batch batch;
  batch.append(testing::ramp(samples_of(96), 3));
  for (const auto method : {LogmelMethod::kOwn, LogmelMethod::kCufft}) {
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
  DeviceLogmel logmel(LogmelMethod::kOwn, stream, 3);
  testing::expect_error(ErrorClass::kUsage, "clips with 5 examples in a batch of at most 3",
                        [&] { logmel.run<float>(nullptr, nullptr, batch.clips, copies); });
  EXPECT_EQ(logmel.run<float>(nullptr, nullptr, {{0, 15599}}, copies), 0);

  Simulator& gpu = Simulator::get();
  const std::size_t limit = gpu.memory.device_limit();
  gpu.memory.set_device_limit(std::size_t{20} << 20);
  EXPECT_THROW(DeviceLogmel(LogmelMethod::kCufft, stream, 3), OutOfDeviceMemory);
  gpu.memory.set_device_limit(limit);

  gpu.lose_device();
  testing::expect_error(ErrorClass::kDevice, "cufftCreate: CUFFT_EXEC_FAILED (logmel_transform.cpp",
                        [&] { LogmelTransform(stream, 32); });
  gpu.repair_device();
}

// ---- what the stand-in finds ----

// A plan for two rows of 8, step by step, so that each can be left out.
class RawPlan {
 public:
  RawPlan() {
    VGGROOVE_CUFFT(cufftCreate(&plan_));
    VGGROOVE_CUFFT(cufftSetAutoAllocation(plan_, 0));
  }
  ~RawPlan() { cufftDestroy(plan_); }
  RawPlan(const RawPlan&) = delete;
  RawPlan& operator=(const RawPlan&) = delete;

  cufftHandle get() const { return plan_; }
  void make(long long in_distance = 8, long long out_distance = 5, long long size = 8) const {
    std::size_t workspace_bytes = 0;
    VGGROOVE_CUFFT(cufftMakePlanMany64(plan_, 1, &size, &in_distance, 1, in_distance, &out_distance,
                                       1, out_distance, CUFFT_D2Z, 2, &workspace_bytes));
  }
  void run(const DeviceBuffer& in, const DeviceBuffer& out, std::size_t offset_bytes = 0) const {
    VGGROOVE_CUFFT(cufftExecD2Z(plan_, reinterpret_cast<double*>(in.data() + offset_bytes),
                                out.as<cufftDoubleComplex>()));
  }

 private:
  cufftHandle plan_ = CUFFT_PLAN_NULL;
};

class SimCufft : public SimLogmel {
 protected:
  CudaStream stream_;
  DeviceBuffer in_{2 * 8 * sizeof(double)}, out_{2 * 5 * sizeof(cufftDoubleComplex)};
  DeviceBuffer workspace_{4096};
};

TEST_F(SimCufft, a_plan_used_after_its_end_or_never_given_back_is_found) {
  cufftHandle plan = CUFFT_PLAN_NULL;
  VGGROOVE_CUFFT(cufftCreate(&plan));
  EXPECT_NE(Simulator::get().leaks().find("1 handles"), std::string::npos);
  VGGROOVE_CUFFT(cufftDestroy(plan));
  expect_violation("cufftDestroy: a plan that does not exist", [&] { cufftDestroy(plan); });
  expect_violation("cufftExecD2Z: a plan that does not exist",
                   [&] { cufftExecD2Z(plan, in_.as<double>(), out_.as<cufftDoubleComplex>()); });
  expect_violation("cufftSetStream: a plan that does not exist",
                   [&] { cufftSetStream(plan, stream_.get()); });
}

TEST_F(SimCufft, a_graph_that_outlives_its_plan_is_found) {
  std::optional<RawPlan> plan(std::in_place);
  plan->make();
  VGGROOVE_CUFFT(cufftSetStream(plan->get(), stream_.get()));
  VGGROOVE_CUFFT(cufftSetWorkArea(plan->get(), workspace_.data()));
  const CudaGraph graph(stream_, [&] { plan->run(in_, out_); });
  graph.launch(stream_);
  plan.reset();
  expect_violation("cufftExecD2Z: a plan that does not exist", [&] { graph.launch(stream_); });
}

TEST_F(SimCufft, steps_left_out_or_out_of_order_are_found) {
  const RawPlan plan;
  expect_violation("before the plan is made", [&] { plan.run(in_, out_); });
  expect_violation("before the plan is made",
                   [&] { cufftSetWorkArea(plan.get(), workspace_.data()); });
  plan.make();
  expect_violation("made already", [&] { plan.make(); });
  expect_violation("the plan is made, and has allocated",
                   [&] { cufftSetAutoAllocation(plan.get(), 0); });
  expect_violation("without the workspace", [&] { plan.run(in_, out_); });
  VGGROOVE_CUFFT(cufftSetWorkArea(plan.get(), workspace_.data()));
  expect_violation("cufftExecD2Z: on the default stream", [&] { plan.run(in_, out_); });
  VGGROOVE_CUFFT(cufftSetStream(plan.get(), stream_.get()));
  plan.run(in_, out_);
}

TEST_F(SimCufft, a_plan_that_would_allocate_by_itself_is_found) {
  const RawPlan plan;
  VGGROOVE_CUFFT(cufftSetAutoAllocation(plan.get(), 1));
  expect_violation("cufftSetAutoAllocation comes first", [&] { plan.make(); });
}

TEST_F(SimCufft, rows_that_overlap_and_sizes_that_it_does_not_know_are_found) {
  const RawPlan plan;
  expect_violation("input of 8 values in rows of 7, 7 apart", [&] { plan.make(7, 5); });
  expect_violation("output of 5 values in rows of 4, 4 apart", [&] { plan.make(8, 4); });
  expect_violation("2 transforms of 12 values", [&] { plan.make(12, 7, 12); });
}

TEST_F(SimCufft, wrong_memory_is_found) {
  const RawPlan plan;
  plan.make();
  VGGROOVE_CUFFT(cufftSetStream(plan.get(), stream_.get()));
  const DeviceBuffer large(2 * 4096);
  expect_violation("not 256-byte aligned",
                   [&] { cufftSetWorkArea(plan.get(), large.data() + 128); });
  expect_violation("cufftSetWorkArea: reaches 3968 bytes beyond the end",
                   [&] { cufftSetWorkArea(plan.get(), in_.data()); });
  {
    const DeviceBuffer gone(4096);
    VGGROOVE_CUFFT(cufftSetWorkArea(plan.get(), gone.data()));
  }
  expect_violation("uses memory after it was freed", [&] { plan.run(in_, out_); });
  VGGROOVE_CUFFT(cufftSetWorkArea(plan.get(), workspace_.data()));
  expect_violation("its output lies in its input", [&] { plan.run(out_, out_); });
  expect_violation("cufftExecD2Z: reaches 96 bytes beyond the end",
                   [&] { plan.run(in_, DeviceBuffer(64)); });
  expect_violation("cufftExecD2Z: reaches 16 bytes beyond the end",
                   [&] { plan.run(in_, out_, 16); });
  expect_violation("not aligned to a complex double", [&] { plan.run(in_, out_, 8); });
}

TEST_F(SimCufft, reading_what_another_stream_still_writes_is_found) {
  const RawPlan plan;
  plan.make();
  VGGROOVE_CUFFT(cufftSetStream(plan.get(), stream_.get()));
  VGGROOVE_CUFFT(cufftSetWorkArea(plan.get(), workspace_.data()));
  const CudaStream copying;
  VGGROOVE_CUDA(cudaMemsetAsync(in_.data(), 0, in_.bytes(), copying.get()));
  expect_violation("cufftExecD2Z reads what cudaMemsetAsync writes on another stream",
                   [&] { plan.run(in_, out_); });
  copying.synchronize();
}

}  // namespace
}  // namespace vggroove::cuda

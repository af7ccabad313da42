#include "engine/backends/cuda/logmel.h"

#include <fmt/format.h>

#include <algorithm>

#include "engine/backends/cuda/check.h"
#include "kernels/common/bfloat16.h"

#include <nvtx3/nvtx3.hpp>

namespace vggroove::cuda {
namespace {

// Examples that go through cuFFT together: their 25 MB of frames and spectra stay in the caches of
// the devices that have 40 MB and more (sm_80, 90, 100, 120).
constexpr std::int64_t kTransformExamples = 32;
constexpr std::int64_t kTransformFrames = kTransformExamples * LogMelSpec::kExampleFrames;

std::int64_t in_whole_transforms(std::int64_t num_examples) {
  return (num_examples + kTransformExamples - 1) / kTransformExamples * kTransformExamples;
}

int num_multiprocessors() {
  cudaDeviceProp properties{};
  VGGROOVE_CUDA(cudaGetDeviceProperties(&properties, 0));
  return properties.multiProcessorCount;
}

}  // namespace

DeviceLogmel::DeviceLogmel(LogmelMethod method, const CudaStream& stream, StagedCopies& copies,
                           std::int64_t max_examples)
    : method_(method), stream_(&stream), copies_(&copies), max_examples_(max_examples) {
  const auto num_starts = static_cast<std::size_t>(in_whole_transforms(max_examples));
  example_starts_ = arena_.reserve(num_starts * sizeof(std::int64_t));
  if (method == LogmelMethod::kOwn) {
    max_blocks_ = num_multiprocessors() * kLogmelBlocksPerMultiprocessor;
    arena_.allocate();
  } else {
    reserve_for_cufft();
    arena_.allocate();
    transform_->use_workspace(arena_.at<std::byte>(workspace_));
  }
}

void DeviceLogmel::reserve_for_cufft() {
  if (method_ == LogmelMethod::kCufft) {
    transform_.emplace(*stream_, kTransformFrames);
    frames_ = arena_.reserve(kTransformFrames * LogMelSpec::kFftSize * sizeof(double));
  } else {
    const std::vector<double> window = logmel_window();
    window_ = DeviceBuffer(window.size() * sizeof(double));
    copies_->to_device(*stream_, window_.data(), window.data(), window_.bytes());
    caller_info_ = DeviceBuffer(sizeof(LogMelCallerInfo));  // its address is part of the plan
    transform_.emplace(*stream_, kTransformFrames, caller_info_.as<LogMelCallerInfo>());
    magnitudes_ = arena_.reserve(kTransformFrames * LogMelSpec::kNumBins * sizeof(float));
  }
  spectra_ = arena_.reserve(kTransformFrames * LogMelSpec::kNumBins * sizeof(SpectrumBin));
  workspace_ = arena_.reserve(transform_->workspace_bytes());
}

template <class Out>
void DeviceLogmel::run_cufft(Out* logmel, const std::int16_t* pcm,
                             const std::int64_t* example_starts, std::int64_t num_examples) {
  auto* const frames = arena_.at<double>(frames_);
  logmel_v2(stream_->get(), logmel, pcm, example_starts, num_examples, frames,
            arena_.at<SpectrumBin>(spectra_),
            [&](Stream, SpectrumBin* spectra, const double*, std::int64_t num_frames) {
              transform_->run(spectra, frames, num_frames);
            });
}

template <class Out>
void DeviceLogmel::run_callbacks(Out* logmel, const std::int16_t* pcm,
                                 const std::int64_t* example_starts, std::int64_t num_examples) {
  auto* const magnitudes = arena_.at<float>(magnitudes_);
  const LogMelCallerInfo info{pcm, example_starts, window_.as<double>(), magnitudes};
  copies_->to_device(*stream_, caller_info_.data(), &info, sizeof info);
  logmel_v3(stream_->get(), logmel, magnitudes, num_examples, [&](Stream, std::int64_t) {
    transform_->run_callbacks(arena_.at<SpectrumBin>(spectra_), pcm);
  });
}

template <class Out>
std::int64_t DeviceLogmel::run(Out* logmel, const std::int16_t* pcm,
                               const std::vector<ClipSamples>& clips) {
  const nvtx3::scoped_range range("log-mel");
  std::vector<std::int64_t> starts = logmel_example_starts(clips);
  const auto num_examples = static_cast<std::int64_t>(starts.size());
  if (num_examples > max_examples_) {
    throw Error(ErrorClass::kUsage,
                fmt::format("log-mel: clips with {} examples in a batch of at most {}",
                            num_examples, max_examples_));
  }
  if (num_examples == 0) {
    return 0;
  }
  // Callbacks are called for whole transforms: what is missing is the first example again.
  starts.resize(static_cast<std::size_t>(in_whole_transforms(num_examples)), starts[0]);
  auto* const example_starts = arena_.at<std::int64_t>(example_starts_);
  copies_->to_device(*stream_, example_starts, starts.data(), starts.size() * sizeof starts[0]);
  if (method_ == LogmelMethod::kOwn) {
    vggroove::logmel(stream_->get(), logmel, pcm, example_starts, num_examples, max_blocks_);
    return num_examples;
  }
  for (std::int64_t first = 0; first < num_examples; first += kTransformExamples) {
    const std::int64_t count = std::min(kTransformExamples, num_examples - first);
    Out* const out = logmel + first * LogMelSpec::kExampleValues;
    if (method_ == LogmelMethod::kCufft) {
      run_cufft(out, pcm, example_starts + first, count);
    } else {
      run_callbacks(out, pcm, example_starts + first, count);
    }
  }
  return num_examples;
}

template std::int64_t DeviceLogmel::run(float*, const std::int16_t*,
                                        const std::vector<ClipSamples>&);
template std::int64_t DeviceLogmel::run(BFloat16*, const std::int16_t*,
                                        const std::vector<ClipSamples>&);

}  // namespace vggroove::cuda

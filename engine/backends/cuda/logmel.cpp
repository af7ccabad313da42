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

int num_multiprocessors() {
  cudaDeviceProp properties{};
  VGGROOVE_CUDA(cudaGetDeviceProperties(&properties, 0));
  return properties.multiProcessorCount;
}

}  // namespace

DeviceLogmel::DeviceLogmel(LogmelMethod method, const CudaStream& stream, std::int64_t max_examples)
    : stream_(&stream), max_examples_(max_examples) {
  example_starts_ = arena_.reserve(static_cast<std::size_t>(max_examples) * sizeof(std::int64_t));
  if (method == LogmelMethod::kOwn) {
    max_blocks_ = num_multiprocessors() * kLogmelBlocksPerMultiprocessor;
  } else {
    transform_.emplace(stream, kTransformFrames);
    frames_ = arena_.reserve(kTransformFrames * LogMelSpec::kFftSize * sizeof(double));
    spectra_ = arena_.reserve(kTransformFrames * LogMelSpec::kNumBins * sizeof(SpectrumBin));
    workspace_ = arena_.reserve(transform_->workspace_bytes());
  }
  arena_.allocate();
  if (transform_) {
    transform_->use_workspace(arena_.at<std::byte>(workspace_));
  }
}

template <class Out>
void DeviceLogmel::run_cufft(Out* logmel, const std::int16_t* pcm,
                             std::int64_t num_examples) const {
  auto* const frames = arena_.at<double>(frames_);
  for (std::int64_t first = 0; first < num_examples; first += kTransformExamples) {
    logmel_v2(stream_->get(), logmel + first * LogMelSpec::kExampleValues, pcm,
              arena_.at<std::int64_t>(example_starts_) + first,
              std::min(kTransformExamples, num_examples - first), frames,
              arena_.at<SpectrumBin>(spectra_),
              [&](Stream, SpectrumBin* spectra, const double*, std::int64_t num_frames) {
                transform_->run(spectra, frames, num_frames);
              });
  }
}

template <class Out>
std::int64_t DeviceLogmel::run(Out* logmel, const std::int16_t* pcm,
                               const std::vector<ClipSamples>& clips, StagedCopies& copies) {
  const nvtx3::scoped_range range("log-mel");
  const std::vector<std::int64_t> starts = logmel_example_starts(clips);
  const auto num_examples = static_cast<std::int64_t>(starts.size());
  if (num_examples > max_examples_) {
    throw Error(ErrorClass::kUsage,
                fmt::format("log-mel: clips with {} examples in a batch of at most {}",
                            num_examples, max_examples_));
  }
  auto* const example_starts = arena_.at<std::int64_t>(example_starts_);
  copies.to_device(*stream_, example_starts, starts.data(), starts.size() * sizeof starts[0]);
  if (transform_) {
    run_cufft(logmel, pcm, num_examples);
  } else {
    vggroove::logmel(stream_->get(), logmel, pcm, example_starts, num_examples, max_blocks_);
  }
  return num_examples;
}

template std::int64_t DeviceLogmel::run(float*, const std::int16_t*,
                                        const std::vector<ClipSamples>&, StagedCopies&);
template std::int64_t DeviceLogmel::run(BFloat16*, const std::int16_t*,
                                        const std::vector<ClipSamples>&, StagedCopies&);

}  // namespace vggroove::cuda

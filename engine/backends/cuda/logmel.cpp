#include "engine/backends/cuda/logmel.h"

#include <cstring>

#include "engine/backends/cuda/check.h"

#include <nvtx3/nvtx3.hpp>

namespace vggroove::cuda {
namespace {

int num_multiprocessors() {
  cudaDeviceProp properties{};
  VGGROOVE_CUDA(cudaGetDeviceProperties(&properties, 0));
  return properties.multiProcessorCount;
}

void upload_sync(const CudaStream& stream, void* to, const void* from, std::size_t bytes) {
  const PinnedBuffer staging(bytes);
  std::memcpy(staging.data(), from, bytes);
  VGGROOVE_CUDA(cudaMemcpyAsync(to, staging.data(), bytes, cudaMemcpyHostToDevice, stream.get()));
  stream.synchronize();
}

}  // namespace

DeviceLogmel::DeviceLogmel(LogmelMethod method, const CudaStream& stream, const float* samples,
                           const std::vector<std::int64_t>& example_starts)
    : method_(method),
      stream_(&stream),
      samples_(samples),
      num_examples_(static_cast<std::int64_t>(example_starts.size())) {
  example_starts_ = arena_.reserve(example_starts.size() * sizeof(std::int64_t));
  if (method == LogmelMethod::kOwn) {
    max_blocks_ = num_multiprocessors() * kLogmelBlocksPerMultiprocessor;
    arena_.allocate();
  } else {
    reserve_for_cufft();
    arena_.allocate();
    transform_->use_workspace(arena_.at<std::byte>(workspace_));
  }
  auto* const starts = arena_.at<std::int64_t>(example_starts_);
  upload_sync(stream, starts, example_starts.data(), example_starts_.bytes);
  if (method == LogmelMethod::kCufftCallbacks) {
    auto* const window = arena_.at<double>(window_);
    upload_sync(stream, window, logmel_window().data(), window_.bytes);
    const LogMelCallerInfo info{samples, starts, window, arena_.at<float>(magnitudes_)};
    upload_sync(stream, caller_info_.data(), &info, sizeof info);
  }
}

void DeviceLogmel::reserve_for_cufft() {
  const auto frames = static_cast<std::size_t>(num_frames());
  if (method_ == LogmelMethod::kCufft) {
    transform_.emplace(*stream_, num_frames());
    frames_ = arena_.reserve(frames * LogMelSpec::kFftSize * sizeof(double));
  } else {
    caller_info_ = DeviceBuffer(sizeof(LogMelCallerInfo));  // its address is part of the plan
    transform_.emplace(*stream_, num_frames(), caller_info_.as<LogMelCallerInfo>());
    window_ = arena_.reserve(LogMelSpec::kWindowSamples * sizeof(double));
    magnitudes_ = arena_.reserve(frames * LogMelSpec::kNumBins * sizeof(float));
  }
  spectra_ = arena_.reserve(frames * LogMelSpec::kNumBins * sizeof(SpectrumBin));
  workspace_ = arena_.reserve(transform_->workspace_bytes());
}

void DeviceLogmel::run(float* logmel) const {
  const nvtx3::scoped_range range("log-mel");
  const auto* const starts = arena_.at<std::int64_t>(example_starts_);
  auto* const spectra = arena_.at<SpectrumBin>(spectra_);
  switch (method_) {
    case LogmelMethod::kOwn:
      vggroove::logmel(stream_->get(), logmel, samples_, starts, num_examples_, max_blocks_);
      break;
    case LogmelMethod::kCufft: {
      auto* const frames = arena_.at<double>(frames_);
      logmel_v2(stream_->get(), logmel, samples_, starts, num_examples_, frames, spectra,
                [&](Stream, SpectrumBin*, const double*, std::int64_t) {
                  transform_->run(spectra, frames);
                });
      break;
    }
    case LogmelMethod::kCufftCallbacks:
      logmel_v3(stream_->get(), logmel, arena_.at<float>(magnitudes_), num_examples_,
                [&](Stream, std::int64_t) { transform_->run_callbacks(spectra, samples_); });
      break;
  }
}

}  // namespace vggroove::cuda

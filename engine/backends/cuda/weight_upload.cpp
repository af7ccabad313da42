#include "engine/backends/cuda/weight_upload.h"

#include <algorithm>
#include <cstring>
#include <span>
#include <utility>

#include "engine/backends/cuda/check.h"
#include "kernels/common/bfloat16.h"

namespace vggroove::cuda {
namespace {
constexpr std::size_t kPieceValues = std::size_t{1} << 20;
}

std::size_t weight_bytes(Precision precision) {
  return precision == Precision::kBf16 ? sizeof(BFloat16) : sizeof(float);
}

WeightUpload::WeightUpload(Precision precision)
    : precision_(precision),
      staging_{{PinnedBuffer(kPieceValues * sizeof(float)), {}},
               {PinnedBuffer(kPieceValues * sizeof(float)), {}}} {}

void WeightUpload::tensor(std::byte* target, const WeightReader& values, std::size_t count) {
  values_.resize(std::min(count, kPieceValues));
  for (std::size_t done = 0; done < count;) {
    const std::size_t piece = std::min(count - done, kPieceValues);
    values(static_cast<std::int64_t>(done), std::span(values_).first(piece));
    copy(target + done * weight_bytes(precision_), values_.data(), piece);
    done += piece;
  }
}

void WeightUpload::filters(std::byte* target, const WeightReader& values, const Conv3x3Spec& spec) {
  const std::size_t taps = 9 * spec.in_channels, out = spec.out_channels;
  std::vector<float> read(taps * out), reordered(taps * out);
  values(0, read);
  for (std::size_t k = 0; k < out; ++k) {
    for (std::size_t i = 0; i < taps; ++i) {
      reordered[k * taps + i] = read[i * out + k];
    }
  }
  for (std::size_t done = 0; done < reordered.size(); done += kPieceValues) {
    copy(target + done * weight_bytes(precision_), reordered.data() + done,
         std::min(reordered.size() - done, kPieceValues));
  }
}

void WeightUpload::fp32(std::byte* target, const WeightReader& values, std::size_t count) {
  const Precision precision = std::exchange(precision_, Precision::kFp32);
  tensor(target, values, count);
  precision_ = precision;
}

void WeightUpload::wait() {
  stream_.synchronize();
}

// The buffer whose last copy is over.
std::byte* WeightUpload::next_staging() {
  current_ = 1 - current_;
  Staging& staging = staging_[current_];
  if (staging.in_use) {
    staging.copied.synchronize();
  }
  return staging.buffer.data();
}

void WeightUpload::copy(std::byte* target, const float* values, std::size_t count) {
  std::byte* const staging = next_staging();
  if (precision_ == Precision::kBf16) {
    std::transform(values, values + count, reinterpret_cast<BFloat16*>(staging), to_bfloat16);
  } else {
    std::memcpy(staging, values, count * sizeof(float));
  }
  send(target, count * weight_bytes(precision_));
}

void WeightUpload::send(std::byte* target, std::size_t bytes) {
  Staging& staging = staging_[current_];
  VGGROOVE_CUDA(
      cudaMemcpyAsync(target, staging.buffer.data(), bytes, cudaMemcpyHostToDevice, stream_.get()));
  staging.copied.record(stream_);
  staging.in_use = true;
}

}  // namespace vggroove::cuda

#include "engine/backends/cuda/bf16_copies.h"

#include <cstdint>
#include <utility>

#include "kernels/nn/layout.h"

namespace vggroove::cuda {
namespace {

bool overlap(const float* master, std::size_t count, const void* begin, std::size_t bytes) {
  const auto* const first = reinterpret_cast<const std::byte*>(master);
  const auto* const other = static_cast<const std::byte*>(begin);
  return first < other + bytes && other < first + count * sizeof(float);
}

}  // namespace

BFloat16* Bf16Copies::of(const CudaStream& stream, const float* master, std::size_t count) {
  Copy& copy = copies_[master];
  if (copy.count < count) {
    copy = {count, DeviceBuffer(count * sizeof(BFloat16))};
    cast(stream.get(), copy.values.as<BFloat16>(), master, static_cast<std::int64_t>(count));
  }
  return copy.values.as<BFloat16>();
}

BFloat16* Bf16Copies::find(const float* master, std::size_t count) const {
  const auto found = copies_.find(master);
  const bool exists = found != copies_.end() && found->second.count == count;
  return exists ? found->second.values.as<BFloat16>() : nullptr;
}

void Bf16Copies::written(const CudaStream& stream, const void* begin, std::size_t bytes) {
  for (const auto& [master, copy] : copies_) {
    if (overlap(master, copy.count, begin, bytes)) {
      cast(stream.get(), copy.values.as<BFloat16>(), master, static_cast<std::int64_t>(copy.count));
    }
  }
}

void Bf16Copies::freed(const void* begin, std::size_t bytes) {
  std::erase_if(copies_, [&](const auto& entry) {
    return overlap(entry.first, entry.second.count, begin, bytes);
  });
}

}  // namespace vggroove::cuda

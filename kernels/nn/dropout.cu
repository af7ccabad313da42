#include "kernels/nn/dropout.h"

#include "kernels/common/vector.cuh"
#include "kernels/nn/dropout_mask.h"

namespace vggroove {
namespace {

constexpr int kThreads = 256;

// What it does: y = x times the multipliers of `mask`; both passes are this kernel.
// Owns:    thread = 16 bytes of elements, one or two Philox blocks (twice as many where first_index
//          is no multiple of 4)
// Traffic: read and written count * sizeof(T) bytes and 16 of the batch; no mask is stored
// Needs:   16-byte aligned pointers; y may be x
// Bound:   90 % of the memory's peak (fp32: about 60 integer operations for 32 bytes)
template <class T>
__global__ void __launch_bounds__(kThreads)
    dropout_kernel(T* y, const T* x, const DropoutBatch* __restrict__ batch_on_device,
                   std::int64_t count, DropoutMask mask) {
  constexpr int kWidth = kVectorWidth<T>;
  const std::int64_t first =
      (static_cast<std::int64_t>(blockIdx.x) * kThreads + threadIdx.x) * kWidth;
  if (first >= count) {
    return;
  }
  const DropoutBatch batch = *batch_on_device;
  const std::int64_t first_index = mask.first_index(batch);
  float multiplier[kWidth];
#pragma unroll
  for (int i = 0; i < kWidth; i += 4) {
    const std::int64_t index = first_index + first + i;
    const auto shift = static_cast<unsigned>(index % 4);
    unsigned kept = mask.draw(batch, index / 4).bits();
    if (shift != 0) {  // for all threads, or for none
      kept |= mask.draw(batch, index / 4 + 1).bits() << 4;
    }
#pragma unroll
    for (unsigned j = 0; j < 4; ++j) {
      multiplier[i + j] = (kept >> (shift + j) & 1) != 0 ? mask.scale() : 0.0F;
    }
  }
  if (first + kWidth <= count) {
    float values[kWidth];
    load_as_float(values, x + first);
#pragma unroll
    for (int i = 0; i < kWidth; ++i) {
      values[i] *= multiplier[i];
    }
    store_from_float(y + first, values);
  } else {
#pragma unroll
    for (int i = 0; i < kWidth; ++i) {
      if (first + i < count) {
        float value[1];
        load_as_float(value, x + first + i);
        value[0] *= multiplier[i];
        store_from_float(y + first + i, value);
      }
    }
  }
}

}  // namespace

template <class T>
void dropout(Stream stream, T* y, const T* x, const DropoutBatch* batch, std::int64_t count,
             const DropoutParams& params) {
  const DropoutMask mask(params);
  if (count == 0) {
    return;
  }
  constexpr std::int64_t kBlockElements = kThreads * kVectorWidth<T>;
  const auto blocks = static_cast<unsigned>((count + kBlockElements - 1) / kBlockElements);
  simt::launch(dropout_kernel<T>, blocks, kThreads, 0, stream, y, x, batch, count, mask);
}

template void dropout(Stream, float*, const float*, const DropoutBatch*, std::int64_t,
                      const DropoutParams&);
template void dropout(Stream, BFloat16*, const BFloat16*, const DropoutBatch*, std::int64_t,
                      const DropoutParams&);

}  // namespace vggroove

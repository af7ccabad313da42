#include "kernels/nn/dropout.h"

#include "kernels/common/vector.cuh"
#include "kernels/nn/dropout_mask.h"

namespace vggroove {
namespace {

constexpr int kThreads = 256;

// What it does: y = x times the multipliers of `mask`; both passes are this kernel.
// Owns:    thread = 16 bytes of elements, one or two Philox blocks
// Traffic: read and written count * sizeof(T) bytes; no mask is stored
// Needs:   16-byte aligned pointers; y may be x
// Bound:   90 % of the memory's peak (fp32: about 60 integer operations for 32 bytes)
template <class T>
__global__ void __launch_bounds__(kThreads)
    dropout_kernel(T* y, const T* x, const std::uint32_t* __restrict__ step, std::int64_t count,
                   DropoutMask mask) {
  constexpr int kWidth = kVectorWidth<T>;
  const std::int64_t first =
      (static_cast<std::int64_t>(blockIdx.x) * kThreads + threadIdx.x) * kWidth;
  if (first >= count) {
    return;
  }
  float multiplier[kWidth];
#pragma unroll
  for (int i = 0; i < kWidth; i += 4) {
    const DropoutMask::Four four = mask.draw((first + i) / 4, *step);
#pragma unroll
    for (int j = 0; j < 4; ++j) {
      multiplier[i + j] = four.keep[j] ? mask.scale() : 0.0F;
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
void dropout(Stream stream, T* y, const T* x, const std::uint32_t* step, std::int64_t count,
             const DropoutParams& params) {
  const DropoutMask mask(params);
  if (count == 0) {
    return;
  }
  constexpr std::int64_t kBlockElements = kThreads * kVectorWidth<T>;
  const auto blocks = static_cast<unsigned>((count + kBlockElements - 1) / kBlockElements);
  simt::launch(dropout_kernel<T>, blocks, kThreads, 0, stream, y, x, step, count, mask);
}

template <class T>
void dropout_bwd(Stream stream, T* grad_x, const T* grad_y, const std::uint32_t* step,
                 std::int64_t count, const DropoutParams& params) {
  dropout(stream, grad_x, grad_y, step, count, params);
}

#define VGGROOVE_INSTANTIATE(T)                                                       \
  template void dropout(Stream, T*, const T*, const std::uint32_t*, std::int64_t,     \
                        const DropoutParams&);                                        \
  template void dropout_bwd(Stream, T*, const T*, const std::uint32_t*, std::int64_t, \
                            const DropoutParams&)
VGGROOVE_INSTANTIATE(float);
VGGROOVE_INSTANTIATE(BFloat16);
#undef VGGROOVE_INSTANTIATE

}  // namespace vggroove

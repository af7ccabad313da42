#include "kernels/nn/pointwise.h"

#include "kernels/common/vector.cuh"

namespace vggroove {
namespace {

constexpr int kThreads = 256;

struct ReluBwd {
  __device__ __forceinline__ float operator()(float grad, float x) const {
    return x <= 0.0F ? 0.0F : grad;
  }
};
struct Add {
  __device__ __forceinline__ float operator()(float sum, float value) const { return sum + value; }
};

// What it does: a [count] = Combine of a and b, element by element.
// Owns:    thread = 16 bytes of a's elements
// Traffic: read sizeof(A) + sizeof(B), written sizeof(A) bytes an element
// Needs:   256 threads; 16-byte aligned pointers
// Bound:   90 % of the memory's peak
template <class Combine, class A, class B>
__global__ void __launch_bounds__(kThreads)
    combine_kernel(A* __restrict__ a, const B* __restrict__ b, std::int64_t count) {
  constexpr int kWidth = kVectorWidth<A>;
  const std::int64_t first =
      (static_cast<std::int64_t>(blockIdx.x) * kThreads + threadIdx.x) * kWidth;
  if (first + kWidth <= count) {
    float left[kWidth], right[kWidth];
    load_as_float(left, a + first);
    load_as_float(right, b + first);
#pragma unroll
    for (int i = 0; i < kWidth; ++i) {
      left[i] = Combine()(left[i], right[i]);
    }
    store_from_float(a + first, left);
  } else {
    for (std::int64_t i = first; i < count; ++i) {
      float left[1], right[1];
      load_as_float(left, a + i);
      load_as_float(right, b + i);
      left[0] = Combine()(left[0], right[0]);
      store_from_float(a + i, left);
    }
  }
}

// What it does: y = (x - mean) * scale, a null mean as 0.
// Owns:    thread = one element: embeddings are small
// Traffic: read and written sizeof(T) bytes an element; mean and scale come from the caches
// Needs:   256 threads
// Bound:   none, it is short
template <class T>
__global__ void __launch_bounds__(kThreads)
    standardise_kernel(T* __restrict__ y, const T* __restrict__ x, const float* __restrict__ mean,
                       const float* __restrict__ scale, std::int64_t count, int d) {
  const std::int64_t i = static_cast<std::int64_t>(blockIdx.x) * kThreads + threadIdx.x;
  if (i < count) {
    const int column = static_cast<int>(i % d);
    float value[1];
    load_as_float(value, x + i);
    value[0] = (value[0] - (mean == nullptr ? 0.0F : mean[column])) * scale[column];
    store_from_float(y + i, value);
  }
}

unsigned blocks_of(std::int64_t count, std::int64_t per_block) {
  return static_cast<unsigned>((count + per_block - 1) / per_block);
}

template <class Combine, class A, class B>
void combine(Stream stream, A* a, const B* b, std::int64_t count) {
  if (count > 0) {
    simt::launch(combine_kernel<Combine, A, B>, blocks_of(count, kThreads * kVectorWidth<A>),
                 kThreads, 0, stream, a, b, count);
  }
}

}  // namespace

template <class T>
void relu_bwd(Stream stream, T* grad, const T* x, std::int64_t count) {
  combine<ReluBwd>(stream, grad, x, count);
}

template <class T>
void accumulate(Stream stream, float* sum, const T* values, std::int64_t count) {
  combine<Add>(stream, sum, values, count);
}

template <class T>
void standardise(Stream stream, T* y, const T* x, const float* mean, const float* scale,
                 std::int64_t n, int d) {
  if (n > 0) {
    simt::launch(standardise_kernel<T>, blocks_of(n * d, kThreads), kThreads, 0, stream, y, x, mean,
                 scale, n * d, d);
  }
}

template <class T>
void standardise_bwd(Stream stream, T* grad_x, const T* grad_y, const float* scale, std::int64_t n,
                     int d) {
  standardise(stream, grad_x, grad_y, nullptr, scale, n, d);
}

#define VGGROOVE_INSTANTIATE(T)                                                                   \
  template void relu_bwd(Stream, T*, const T*, std::int64_t);                                     \
  template void accumulate(Stream, float*, const T*, std::int64_t);                               \
  template void standardise(Stream, T*, const T*, const float*, const float*, std::int64_t, int); \
  template void standardise_bwd(Stream, T*, const T*, const float*, std::int64_t, int)
VGGROOVE_INSTANTIATE(float);
VGGROOVE_INSTANTIATE(BFloat16);
#undef VGGROOVE_INSTANTIATE

}  // namespace vggroove

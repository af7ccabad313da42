#include "kernels/nn/maxpool2x2.h"

#include <algorithm>
#include <type_traits>

#include "base/error.h"
#include "kernels/common/vector.cuh"
#include "kernels/nn/bias_grad.h"
#include "kernels/nn/pool_window.cuh"

namespace vggroove {
namespace {

constexpr int kThreads = 256;

// A thread's codes, one for each of its kVectorWidth<T> channels: 16 bits for fp32, 32 for bf16.
template <class T>
using ThreadCodes = std::conditional_t<kVectorWidth<T> == 4, std::uint16_t, std::uint32_t>;

// Block (channel lanes, pixel lanes) of 256 threads; a thread has kVectorWidth<T> channels of every
// pixel_stride()-th pooled pixel.
struct Lanes {
  int channel;
  std::int64_t first_pixel, pixel_stride;
};
template <class T>
__device__ __forceinline__ Lanes lanes_of_thread() {
  return {static_cast<int>(blockIdx.y * blockDim.x + threadIdx.x) * kVectorWidth<T>,
          static_cast<std::int64_t>(blockIdx.x) * blockDim.y + threadIdx.y,
          static_cast<std::int64_t>(gridDim.x) * blockDim.y};
}

// Where the window of a pooled pixel begins in [n, h, w, c], counted in pixels. All examples' rows
// follow one another and h is even, so the example need not be known.
__device__ __forceinline__ std::int64_t window_of(std::int64_t pooled_pixel, int width) {
  const std::int64_t row = pooled_pixel / (width / 2);
  return 2 * (row * width + pooled_pixel - row * (width / 2));
}

// The pixel at window position 0..3, relative to the window's first.
__device__ __forceinline__ int window_offset(int position, int width) {
  return position / 2 * width + position % 2;
}

// What it does: y and codes from x, see the header.
// Owns:    block = a range of channels of pooled pixels, strided by the grid; thread = 16 bytes of
//          channels
// Traffic: read 4 * pooled * sizeof(T), written pooled * (sizeof(T) + 1/2) bytes, and the bias once
// a
//          thread
// Needs:   channels a multiple of 16 / sizeof(T); 16-byte aligned pointers
// Bound:   90 % of the memory's peak
template <class T, bool kKeepCodes>
__global__ void __launch_bounds__(kThreads)
    maxpool2x2_kernel(T* __restrict__ y, ThreadCodes<T>* __restrict__ codes,
                      const T* __restrict__ x, const float* __restrict__ bias,
                      std::int64_t pooled_pixels, int width, int channels) {
  constexpr int kWidth = kVectorWidth<T>;
  const Lanes lanes = lanes_of_thread<T>();
  if (lanes.channel >= channels) {
    return;
  }
  float bias_here[kWidth] = {};
  if (bias != nullptr) {
    load_as_float(bias_here, bias + lanes.channel);
  }
  for (std::int64_t pixel = lanes.first_pixel; pixel < pooled_pixels; pixel += lanes.pixel_stride) {
    const T* const window = x + window_of(pixel, width) * channels + lanes.channel;
    float inputs[4][kWidth];
#pragma unroll
    for (int position = 0; position < 4; ++position) {
      load_as_float(inputs[position],
                    window + static_cast<std::int64_t>(window_offset(position, width)) * channels);
    }
    float pooled[kWidth];
    std::uint32_t code = 0;
#pragma unroll
    for (int i = 0; i < kWidth; ++i) {
      const PooledWindow result =
          relu_pool({inputs[0][i] + bias_here[i], inputs[1][i] + bias_here[i],
                     inputs[2][i] + bias_here[i], inputs[3][i] + bias_here[i]});
      pooled[i] = result.value;
      code |= result.code << (i * kPoolCodeBits);
    }
    const std::int64_t at = pixel * channels + lanes.channel;
    store_from_float(y + at, pooled);
    if constexpr (kKeepCodes) {
      codes[at / kWidth] = static_cast<ThreadCodes<T>>(code);
    }
  }
}

// What it does: grad_x, and the block's sums of it: partials [gridDim.x, channels].
// Owns:    as the forward kernel
// Traffic: read pooled * (sizeof(T) + 1/2), written 4 * pooled * sizeof(T) bytes and 4 * channels a
//          block
// Needs:   as the forward kernel
// Bound:   90 % of the memory's peak
template <class T>
__global__ void __launch_bounds__(kThreads)
    maxpool2x2_bwd_kernel(T* __restrict__ grad_x, float* __restrict__ partials,
                          const T* __restrict__ grad_y, const ThreadCodes<T>* __restrict__ codes,
                          std::int64_t pooled_pixels, int width, int channels) {
  constexpr int kWidth = kVectorWidth<T>;
  __shared__ float lane_sums[kWidth][kThreads];
  const Lanes lanes = lanes_of_thread<T>();
  float sums[kWidth] = {};
  const bool inside = lanes.channel < channels;
  for (std::int64_t pixel = lanes.first_pixel; inside && pixel < pooled_pixels;
       pixel += lanes.pixel_stride) {
    const std::int64_t at = pixel * channels + lanes.channel;
    float grad[kWidth];
    load_as_float(grad, grad_y + at);
    const std::uint32_t code = codes[at / kWidth];
    T* const window = grad_x + window_of(pixel, width) * channels + lanes.channel;
#pragma unroll
    for (int position = 0; position < 4; ++position) {
      float scattered[kWidth];
#pragma unroll
      for (int i = 0; i < kWidth; ++i) {
        scattered[i] =
            unpool(grad[i], (code >> (i * kPoolCodeBits)) & 0xF, static_cast<unsigned>(position));
        sums[i] += scattered[i];  // at most one of the four is not 0
      }
      store_from_float(
          window + static_cast<std::int64_t>(window_offset(position, width)) * channels, scattered);
    }
  }
  const int thread = static_cast<int>(threadIdx.y * blockDim.x + threadIdx.x);
#pragma unroll
  for (int i = 0; i < kWidth; ++i) {
    lane_sums[i][thread] = sums[i];
  }
  __syncthreads();
  if (threadIdx.y == 0 && inside) {
    for (unsigned lane = 1; lane < blockDim.y; ++lane) {
#pragma unroll
      for (int i = 0; i < kWidth; ++i) {
        sums[i] += lane_sums[i][lane * blockDim.x + threadIdx.x];
      }
    }
    store_from_float(partials + static_cast<std::int64_t>(blockIdx.x) * channels + lanes.channel,
                     sums);
  }
}

struct Launch {
  dim3 grid, block;
};

// pixels_per_thread: enough to pay for what a block does once (bias, partial sums).
template <class T>
Launch launch_for(const Pool2x2Shape& shape, std::int64_t pixels_per_thread,
                  std::int64_t max_blocks) {
  if (shape.height % 2 != 0 || shape.width % 2 != 0 || shape.channels < 8 ||
      shape.channels % 8 != 0) {
    throw Error(ErrorClass::kUsage,
                "maxpool2x2: height and width must be even and channels a multiple of 8");
  }
  const int vectors = shape.channels / kVectorWidth<T>;
  unsigned channel_lanes = 1;
  while (channel_lanes < 32 && channel_lanes < static_cast<unsigned>(vectors)) {
    channel_lanes *= 2;
  }
  const unsigned pixel_lanes = kThreads / channel_lanes;
  const std::int64_t block_pixels = pixels_per_thread * pixel_lanes;
  const std::int64_t pixels = shape.pooled_size() / shape.channels;
  const std::int64_t blocks = std::min((pixels + block_pixels - 1) / block_pixels, max_blocks);
  return {dim3(static_cast<unsigned>(blocks),
               (static_cast<unsigned>(vectors) + channel_lanes - 1) / channel_lanes),
          dim3(channel_lanes, pixel_lanes)};
}

template <class T>
Launch fwd_launch(const Pool2x2Shape& shape) {
  return launch_for<T>(shape, 4, std::int64_t{1} << 30);
}

template <class T>
Launch bwd_launch(const Pool2x2Shape& shape) {
  return launch_for<T>(shape, 8, 256);
}

}  // namespace

template <class T>
void maxpool2x2(Stream stream, T* y, std::uint8_t* codes, const T* x, const float* bias,
                const Pool2x2Shape& shape) {
  const auto [grid, block] = fwd_launch<T>(shape);
  if (shape.input_size() == 0) {
    return;
  }
  const std::int64_t pixels = shape.pooled_size() / shape.channels;
  simt::launch(codes == nullptr ? maxpool2x2_kernel<T, false> : maxpool2x2_kernel<T, true>, grid,
               block, 0, stream, y, reinterpret_cast<ThreadCodes<T>*>(codes), x, bias, pixels,
               shape.width, shape.channels);
}

template <class T>
std::int64_t maxpool2x2_bwd_workspace_floats(const Pool2x2Shape& shape) {
  return static_cast<std::int64_t>(bwd_launch<T>(shape).grid.x) * shape.channels;
}

template <class T>
void maxpool2x2_bwd(Stream stream, T* grad_x, float* grad_bias, const T* grad_y,
                    const std::uint8_t* codes, float* workspace, const Pool2x2Shape& shape) {
  const auto [grid, block] = bwd_launch<T>(shape);
  if (shape.input_size() > 0) {
    simt::launch(maxpool2x2_bwd_kernel<T>, grid, block, 0, stream, grad_x, workspace, grad_y,
                 reinterpret_cast<const ThreadCodes<T>*>(codes),
                 shape.pooled_size() / shape.channels, shape.width, shape.channels);
  }
  sum_partials(stream, grad_bias, workspace, static_cast<int>(grid.x), shape.channels,
               shape.channels);
}

#define VGGROOVE_INSTANTIATE(T)                                                           \
  template void maxpool2x2(Stream, T*, std::uint8_t*, const T*, const float*,             \
                           const Pool2x2Shape&);                                          \
  template void maxpool2x2_bwd(Stream, T*, float*, const T*, const std::uint8_t*, float*, \
                               const Pool2x2Shape&);                                      \
  template std::int64_t maxpool2x2_bwd_workspace_floats<T>(const Pool2x2Shape&)
VGGROOVE_INSTANTIATE(float);
VGGROOVE_INSTANTIATE(BFloat16);
#undef VGGROOVE_INSTANTIATE

}  // namespace vggroove

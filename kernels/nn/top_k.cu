// The k largest of each row: k rounds of a warp's maximum.
#include "kernels/nn/top_k.h"

#include <string>

#include "base/error.h"
#include "kernels/simt/simt.h"

namespace vggroove {
namespace {

constexpr int kWarps = 4;
constexpr unsigned kAllLanes = 0xffffffff;

// A number that grows with the value, and among equal values with a falling index: the largest key
// is the next of the result. NaN: below -infinity. -0 equals +0. Never 0, which stands for "taken".
__device__ __forceinline__ unsigned long long key_of(float value, int index) {
  const unsigned bits = __float_as_uint(value + 0.0F);
  unsigned ascending = (bits & 0x80000000U) != 0 ? ~bits : bits | 0x80000000U;
  ascending = isnan(value) ? 0 : ascending;
  return static_cast<unsigned long long>(ascending) << 32 | ~static_cast<unsigned>(index);
}

// What it does: see the header.
// Owns:    warp = a row; lane = every 32nd value, as a key in shared memory that nobody else reads
// Traffic: read 4 bytes a value, written 8 k a row
// Needs:   dynamic shared memory for width keys a warp; width < 2^32 - 1
// Bound:   shared memory, k * width / 32 reads a row; memory's peak for k = 1
__global__ void __launch_bounds__(kWarps * 32)
    top_k_kernel(float* __restrict__ values, std::int32_t* __restrict__ indices,
                 const float* __restrict__ rows, std::int64_t num_rows, int width, int k) {
  const int warp = static_cast<int>(threadIdx.x) / 32, lane = static_cast<int>(threadIdx.x) % 32;
  const std::int64_t row = static_cast<std::int64_t>(blockIdx.x) * kWarps + warp;
  if (row >= num_rows) {
    return;
  }
  unsigned long long* keys = simt::dynamic_shared<unsigned long long>() + warp * width;
  for (int i = lane; i < width; i += 32) {
    keys[i] = key_of(rows[row * width + i], i);
  }
  for (int round = 0; round < k; ++round) {
    unsigned long long largest = 0;
    for (int i = lane; i < width; i += 32) {
      largest = max(largest, keys[i]);
    }
#pragma unroll
    for (int distance = 16; distance > 0; distance /= 2) {
      largest = max(largest, __shfl_xor_sync(kAllLanes, largest, distance));
    }
    const int index = static_cast<int>(~static_cast<unsigned>(largest));
    if (index % 32 == lane) {
      keys[index] = 0;
      values[row * k + round] = rows[row * width + index];
      indices[row * k + round] = index;
    }
  }
}

}  // namespace

void top_k(Stream stream, float* values, std::int32_t* indices, const float* rows,
           std::int64_t num_rows, int width, int k) {
  if (k < 1 || k > width || width > kMaxTopKWidth) {
    throw Error(ErrorClass::kUsage, "top-k: " + std::to_string(k) + " of " + std::to_string(width) +
                                        " values; from 1 to all of at most " +
                                        std::to_string(kMaxTopKWidth));
  }
  if (num_rows == 0) {
    return;
  }
  simt::launch(top_k_kernel, static_cast<unsigned>((num_rows + kWarps - 1) / kWarps), kWarps * 32,
               kWarps * static_cast<std::size_t>(width) * sizeof(unsigned long long), stream,
               values, indices, rows, num_rows, width, k);
}

}  // namespace vggroove

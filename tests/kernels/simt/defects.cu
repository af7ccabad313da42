#include "kernels/simt/simt.h"
#include "tests/kernels/simt/defects.h"

namespace vggroove {
namespace {

template <Defect kDefect>
__global__ void __launch_bounds__(kDefectBlock)
    mirror_kernel(float* __restrict__ y, const float* __restrict__ x) {
  __shared__ float first[kDefectBlock];
  float* second = simt::dynamic_shared<float>();
  const int i = threadIdx.x, mirrored = kDefectBlock - 1 - i;
  const int of_block = blockIdx.x * kDefectBlock;
  if (kDefect != Defect::kUninitialisedShared || i != 5) {
    first[kDefect == Defect::kSharedOffByOne ? i + 1 : i] = x[of_block + i];  // @write
  }
  if (kDefect != Defect::kMissingBarrier) {
    __syncthreads();
  }
  const float value = first[mirrored];  // @read
  // Within a warp, lanes swap with their neighbours, twice.
  second[i] = value;  // @write second
  if (kDefect != Defect::kMissingWarpSync) {
    __syncwarp();
  }
  const float neighbour = second[i ^ 1];  // @read second
  __syncwarp();
  second[kDefect == Defect::kDynamicOffByOne ? i + 1 : i] = neighbour;  // @write beyond
  __syncwarp();
  const float own = second[i ^ 1];
  constexpr int kStride = kDefect == Defect::kWrongStride ? kDefectBlock - 1 : kDefectBlock;
  const int place = static_cast<int>(blockIdx.x) * kStride + i;
  y[place + (kDefect == Defect::kGlobalOffByOne ? 1 : 0)] = own;  // @write global
}

__global__ void last_block_sum_kernel(float* y, float* partial, unsigned* counter, const float* x,
                                      bool with_fence) {
  __shared__ float values[kDefectBlock];
  __shared__ bool is_last;
  const unsigned i = threadIdx.x;
  values[i] = x[blockIdx.x * kDefectBlock + i];
  __syncthreads();
  if (i == 0) {
    float sum = 0;
    for (int j = 0; j < kDefectBlock; ++j) {
      sum += values[j];
    }
    partial[blockIdx.x] = sum;  // @partial write
    if (with_fence) {
      __threadfence();
    }
    is_last = atomicAdd(counter, 1) == gridDim.x - 1;
  }
  __syncthreads();
  if (is_last && i == 1) {
    float sum = 0;
    for (unsigned j = 0; j < gridDim.x; ++j) {
      sum += partial[j];  // @partial read
    }
    *y = sum;
  }
}

__global__ void overlap_kernel(float* y) {
  y[blockIdx.x * (kDefectBlock - 1) + threadIdx.x] = 1;  // @overlap
}

// The stores keep compilers from making one call of the two.
__global__ void divergent_barrier_kernel(float* y) {
  if (threadIdx.x < 32) {
    __syncthreads();  // @first half
    y[threadIdx.x] = 1;
  } else {
    y[threadIdx.x] = 2;
    __syncthreads();  // @second half
  }
}

__global__ void barrier_after_exit_kernel() {
  if (threadIdx.x >= 40) {
    return;
  }
  __syncthreads();  // @after exit
}

__global__ void barrier_and_warp_sync_kernel() {
  if (threadIdx.x >= 32 && threadIdx.x < 48) {
    __syncwarp();  // @lower lanes
  } else {
    __syncthreads();  // @others
  }
}

__global__ void shuffle_kernel(float* y, unsigned mask) {
  if (threadIdx.x < 16) {
    y[threadIdx.x] = __shfl_xor_sync(mask, 1.0f, 1);  // @shuffle
  }
}

__global__ void shuffle_after_exit_kernel(float* y) {
  if (threadIdx.x >= 16) {
    return;
  }
  y[threadIdx.x] = __shfl_xor_sync(~0u, 1.0f, 1);  // @shuffle after exit
}

__global__ void shuffle_from_absent_lane_kernel(float* y) {
  if (threadIdx.x < 16) {
    y[threadIdx.x] = __shfl_xor_sync(0xffffu, 1.0f, 16);  // @absent lane
  }
}

__global__ void empty_kernel() {}

}  // namespace

void mirror(float* y, const float* x, int num_blocks, Defect defect) {
  const auto run = [&](auto kernel) {
    simt::launch(kernel, num_blocks, kDefectBlock, kDefectBlock * sizeof(float), nullptr, y, x);
  };
  switch (defect) {
    case Defect::kNone:
      return run(mirror_kernel<Defect::kNone>);
    case Defect::kMissingBarrier:
      return run(mirror_kernel<Defect::kMissingBarrier>);
    case Defect::kMissingWarpSync:
      return run(mirror_kernel<Defect::kMissingWarpSync>);
    case Defect::kUninitialisedShared:
      return run(mirror_kernel<Defect::kUninitialisedShared>);
    case Defect::kSharedOffByOne:
      return run(mirror_kernel<Defect::kSharedOffByOne>);
    case Defect::kGlobalOffByOne:
      return run(mirror_kernel<Defect::kGlobalOffByOne>);
    case Defect::kWrongStride:
      return run(mirror_kernel<Defect::kWrongStride>);
    case Defect::kDynamicOffByOne:
      return run(mirror_kernel<Defect::kDynamicOffByOne>);
  }
}

void last_block_sum(float* y, float* partial, unsigned* counter, const float* x, int n,
                    bool with_fence) {
  simt::launch(last_block_sum_kernel, n / kDefectBlock, kDefectBlock, 0, nullptr, y, partial,
               counter, x, with_fence);
}

void overlap_blocks(float* y) {
  simt::launch(overlap_kernel, 2, kDefectBlock, 0, nullptr, y);
}

void divergent_barrier(float* y) {
  simt::launch(divergent_barrier_kernel, 1, kDefectBlock, 0, nullptr, y);
}

void barrier_after_exit() {
  simt::launch(barrier_after_exit_kernel, dim3(2, 3), kDefectBlock, 0, nullptr);
}

void barrier_and_warp_sync() {
  simt::launch(barrier_and_warp_sync_kernel, 1, kDefectBlock, 0, nullptr);
}

void shuffle_in_half_warp(float* y, unsigned mask) {
  simt::launch(shuffle_kernel, 1, 32, 0, nullptr, y, mask);
}

void shuffle_after_exit(float* y) {
  simt::launch(shuffle_after_exit_kernel, 1, 32, 0, nullptr, y);
}

void shuffle_from_absent_lane(float* y) {
  simt::launch(shuffle_from_absent_lane_kernel, 1, 32, 0, nullptr, y);
}

void launch_with(unsigned grid_x, unsigned grid_y, unsigned block,
                 std::size_t dynamic_shared_bytes) {
  simt::launch(empty_kernel, dim3(grid_x, grid_y), block, dynamic_shared_bytes, nullptr);
}

}  // namespace vggroove

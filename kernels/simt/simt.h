#pragma once

// Included first by every .cu. The same source is compiled by
//   nvcc        into code for a GPU: the words of CUDA are CUDA's, launch() is <<<>>>;
//   g++, clang  into code for a CPU: every CUDA thread is a fiber (docs/decisions/0005).
// Both offer
//   vggroove::simt::launch(kernel, grid, block, dynamic_shared_bytes, stream, arguments...)
//       throws vggroove::Error where the launch is refused; does not wait for the kernel on a GPU
//   vggroove::simt::dynamic_shared<T>()
//       inside a kernel: the dynamic shared memory, 16-byte aligned

#include "kernels/common/host_device.h"
#include "kernels/common/stream.h"

#ifdef __CUDACC__
#include "kernels/simt/cuda_launch.h"
#else
#include "kernels/simt/cuda_language.h"
#endif

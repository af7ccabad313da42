#pragma once

// CUDA's own name for what a cudaStream_t points to: a contract can take a stream without CUDA's
// headers.
struct CUstream_st;

namespace vggroove {

// cudaStream_t. Null is the default stream, and the only stream on a CPU.
using Stream = CUstream_st*;

}  // namespace vggroove

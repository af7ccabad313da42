#pragma once

#include <cstddef>
#include <string>

namespace vggroove {

// What the kernels want to know about the processor they run on.
struct CpuInfo {
  std::string instruction_set;  // the widest that our kernels use: "AVX-512", "AVX2", "NEON", ...
  unsigned num_cores = 1;       // that this process may use
  // Two multiply-adds on bf16 pairs per fp32 one, and at twice the rate: AMD from Zen 4 on. Intel's
  // server cores before AMX have the same instruction (avx512_bf16) at HALF the rate of fp32
  // multiply-adds (measured on Emerald Rapids: 89 against 178 GFLOP/s per core).
  bool has_quick_bf16_dot = false;
  bool has_bf16_dot = false;  // avx512_bf16 at all
};

const CpuInfo& cpu_info();

}  // namespace vggroove

#include "engine/device/cpu_info.h"

#include <sched.h>

#include <algorithm>

#include <hwy/highway.h>

namespace vggroove {
namespace {

std::string instruction_set_name() {
  const std::int64_t targets = hwy::SupportedTargets();
  const std::string best = hwy::TargetName(targets & -targets);
  if (best.starts_with("AVX3")) {
    return "AVX-512";
  }
  return best == "EMU128" ? "baseline" : best;
}

unsigned num_usable_cores() {
  cpu_set_t allowed;
  CPU_ZERO(&allowed);
  if (sched_getaffinity(0, sizeof allowed, &allowed) != 0) {
    return 1;
  }
  return static_cast<unsigned>(std::max(1, CPU_COUNT(&allowed)));
}

CpuInfo detect() {
  CpuInfo info;
  info.instruction_set = instruction_set_name();
  info.num_cores = num_usable_cores();
#if HWY_ARCH_X86_64
  __builtin_cpu_init();
  info.has_bf16_dot = __builtin_cpu_supports("avx512bf16") && __builtin_cpu_supports("avx512vl") &&
                      __builtin_cpu_supports("avx512bw");
  info.has_quick_bf16_dot = info.has_bf16_dot && __builtin_cpu_is("amd");
#endif
  return info;
}

}  // namespace

const CpuInfo& cpu_info() {
  static const CpuInfo info = detect();
  return info;
}

}  // namespace vggroove

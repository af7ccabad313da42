#pragma once

#include <string_view>

namespace vggroove {

enum class Device { kAuto, kCpu };
enum class Precision { kFp32, kBf16 };

// Which CPU implementation: our own kernels, or oneDNN's (the portable path and the check).
enum class CpuPath { kOwn, kOneDnn };

std::string_view precision_name(Precision precision);  // "fp32", "bf16"

}  // namespace vggroove

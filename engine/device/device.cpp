#include "engine/device/device.h"

namespace vggroove {

std::string_view precision_name(Precision precision) {
  return precision == Precision::kFp32 ? "fp32" : "bf16";
}

}  // namespace vggroove

#pragma once

#include <string>

#include "base/error.h"

namespace vggroove {

// The device has no room for an allocation. A smaller batch may have.
class OutOfDeviceMemory : public Error {
 public:
  explicit OutOfDeviceMemory(const std::string& message) : Error(ErrorClass::kDevice, message) {}
};

}  // namespace vggroove

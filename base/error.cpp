#include "base/error.h"

namespace vggroove {

std::string_view error_class_name(ErrorClass error_class) {
  switch (error_class) {
    case ErrorClass::kNotFound:
      return "not_found";
    case ErrorClass::kUnreadable:
      return "unreadable";
    case ErrorClass::kEmpty:
      return "empty";
    case ErrorClass::kUnsupported:
      return "unsupported";
    case ErrorClass::kCorrupt:
      return "corrupt";
    case ErrorClass::kTooShort:
      return "too_short";
    case ErrorClass::kInvalid:
      return "invalid";
    case ErrorClass::kIo:
      return "io";
    case ErrorClass::kDevice:
      return "device";
    case ErrorClass::kUsage:
      return "usage";
  }
  return "unknown";
}

}  // namespace vggroove

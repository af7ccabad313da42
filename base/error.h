#pragma once

#include <stdexcept>
#include <string>
#include <string_view>

namespace vggroove {

// What kind of trouble, in the words that a result row's "error.class" carries.
enum class ErrorClass {
  kNotFound,     // the path does not exist
  kUnreadable,   // it exists and may not be read
  kEmpty,        // zero bytes, or no samples, or no rows
  kUnsupported,  // a format, codec, rate, architecture or dtype that we do not take
  kCorrupt,      // the bytes contradict the format
  kTooShort,     // shorter than one example, and --strict asked to refuse that
  kInvalid,      // readable, but the values make no sense (NaN samples, labels of one class, ...)
  kIo,           // reading or writing failed (disk full, connection lost, ...)
  kDevice,       // the GPU or its driver failed
  kUsage,        // the caller asked for something that does not fit together
};

std::string_view error_class_name(ErrorClass error_class);  // "not_found", "unreadable", ...

// Every error of the library. what() is one line for a person: the user's file (and the place in
// it), what is wrong, and what to do: "song.mp3: unsupported sample rate 0 Hz; re-encode the file".
class Error : public std::runtime_error {
 public:
  Error(ErrorClass error_class, const std::string& message)
      : std::runtime_error(message), error_class_(error_class) {}
  ErrorClass error_class() const { return error_class_; }

 private:
  ErrorClass error_class_;
};

}  // namespace vggroove

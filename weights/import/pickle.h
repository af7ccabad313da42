#pragma once

#include <cstddef>
#include <cstdint>
#include <deque>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "weights/dtype.h"

namespace vggroove::weights {

// A Python pickle is a program for a stack machine, and Python's own unpickler lets it call any
// function of any installed module. This one knows data, and of the things to call only those that
// build lists of tensors (OrderedDict, torch's and NumPy's rebuilding functions), as data too.
// Everything else is refused by name. Nothing is ever executed; no recursion; every length is
// checked against the bytes that are there, so memory stays in proportion to the file.

struct PickleValue;
using PickleRef = const PickleValue*;  // into PickleResult::values

struct PickleValue {
  enum class Kind : std::uint8_t {
    kNone,
    kBool,     // integer
    kInteger,  // integer; or text, the little-endian bytes, where it has more than 64 bits
    kFloat,    // number
    kText,     // text
    kBytes,    // text
    kTuple,    // items
    kList,     // items
    kDict,     // items: key, value, key, value, ...
    kGlobal,   // text: "module name", one of those allowed
    kStorage,  // persistent id ("storage", type, key, device, count): items are its parts
    kTensor,   // torch's rebuilding function: items are its arguments
    kArray,    // NumPy's: items are (version, shape, dtype, Fortran order, bytes)
    kDType,    // NumPy's: text "f4"; items are its state (version, byte order, ...)
  };
  Kind kind = Kind::kNone;
  std::int64_t integer = 0;
  double number = 0;
  std::string text;
  std::vector<PickleRef> items;
};

struct PickleResult {
  std::deque<PickleValue>
      values;  // a deque: references stay valid while it grows and when it moves
  PickleRef root = nullptr;
  std::size_t size_bytes = 0;  // of the pickle; what follows it in `bytes` is not its own
};

// Runs the pickle at the beginning of `bytes`. Throws Error, beginning with `place`: kUnsupported
// where it wants something that a list of tensors does not need, kCorrupt where it is damaged.
PickleResult unpickle(std::span<const std::byte> bytes, std::string_view place);

// The type of the elements in a torch storage class ("torch FloatStorage"), or none.
bool is_torch_storage(std::string_view global, DType& dtype);

}  // namespace vggroove::weights

#pragma once

#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>

#include "weights/dtype.h"

namespace vggroove::weights {

// The header of a .npy file: 6 bytes of magic, 2 of version, 2 or 4 of length, a Python dictionary.
inline constexpr std::size_t kNpyPreludeBytes = 12;  // enough to learn the header's length
// NumPy itself refuses more than 10 000; a plain array needs about 60.
inline constexpr std::uint64_t kMaxNpyDictionaryBytes = 65536;

struct NpyPrelude {
  std::size_t dictionary_begin_byte = 0;  // 10 or 12
  std::uint64_t dictionary_bytes = 0;
};

// `bytes`: the first kNpyPreludeBytes (fewer where the file is that short). `place` begins the
// messages. Throws Error: kCorrupt, kUnsupported (a version after 3).
NpyPrelude parse_npy_prelude(const std::string& place, std::string_view bytes);

struct NpyHeader {
  char kind = 'f';             // as NumPy's dtype.kind: f i u b, U (UCS-4 text), S (bytes)
  DType dtype = DType::kF32;   // of numbers
  std::size_t item_bytes = 4;  // of one element
  bool fortran_order = false;
  Shape shape;
};

// Throws Error: kCorrupt, kUnsupported (object and structured arrays, big endian, other dtypes).
NpyHeader parse_npy_dictionary(const std::string& place, std::string_view dictionary);

// Magic, version 1.0, length and dictionary, padded to a multiple of 64 bytes as NumPy does.
// Throws Error(kUsage) for BF16, which NumPy lacks.
std::string npy_header_text(DType dtype, const Shape& shape);
// The same for text of `item_characters` UCS-4 characters each (dtype <U).
std::string npy_text_header_text(std::size_t item_characters, const Shape& shape);

}  // namespace vggroove::weights

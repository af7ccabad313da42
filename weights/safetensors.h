#pragma once

#include <cstddef>
#include <cstdint>
#include <filesystem>
#include <functional>
#include <map>
#include <span>
#include <string>
#include <vector>

#include "base/atomic_file.h"
#include "weights/dtype.h"
#include "weights/random_access_file.h"

namespace vggroove::weights {

// The safetensors format: 8 bytes little-endian header length, a JSON header, the tensors' bytes.
//   {"__metadata__": {text: text}, name: {"dtype": "F32", "shape": [2, 3], "data_offsets": [0,
//   24]}}

// A tensor in an open file.
struct SafetensorsEntry {
  DType dtype = DType::kF32;
  Shape shape;                   // row-major
  std::uint64_t begin_byte = 0;  // counted from the start of the file
  std::uint64_t size_bytes = 0;
};

class SafetensorsFile {
 public:
  // Reads and checks the header only: every length, dtype and shape against the file's size; the
  // tensors must cover the data without gap or overlap, as the format demands.
  // Throws Error: kNotFound, kUnreadable, kEmpty, kCorrupt (naming the byte or the tensor),
  // kUnsupported (a dtype that DType lacks).
  static SafetensorsFile open(const std::filesystem::path& path);

  const std::filesystem::path& path() const { return file_.path(); }
  const std::map<std::string, SafetensorsEntry, std::less<>>& tensors() const { return tensors_; }
  const std::map<std::string, std::string, std::less<>>& metadata() const { return metadata_; }

  // Bytes [first_byte, first_byte + out.size()) of a tensor of this file. Safe to call from several
  // threads. Throws Error(kUsage) beyond the tensor's end, and what RandomAccessFile::read throws.
  void read(const SafetensorsEntry& entry, std::uint64_t first_byte,
            std::span<std::byte> out) const;

 private:
  explicit SafetensorsFile(RandomAccessFile file) : file_(std::move(file)) {}
  RandomAccessFile file_;
  std::map<std::string, SafetensorsEntry, std::less<>> tensors_;
  std::map<std::string, std::string, std::less<>> metadata_;
};

// Writes a file in pieces: the header first, then the tensors' bytes in the order of `tensors`.
// The file appears under its name on commit() only. The data begin at a multiple of 8 bytes.
class SafetensorsWriter {
 public:
  // Throws Error: kUsage (a name twice, or the reserved one), kIo.
  SafetensorsWriter(const std::filesystem::path& path,
                    const std::map<std::string, std::string>& metadata,
                    std::span<const TensorHeader> tensors);
  void append(std::span<const std::byte> bytes);
  // Throws Error(kUsage) where more or fewer bytes were appended than the shapes need.
  void commit();

 private:
  std::filesystem::path path_;
  AtomicFile file_;
  std::uint64_t expected_bytes_ = 0;
  std::uint64_t written_bytes_ = 0;
};

}  // namespace vggroove::weights

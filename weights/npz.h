#pragma once

#include <cstddef>
#include <filesystem>
#include <map>
#include <memory>
#include <span>
#include <string>
#include <vector>

#include "weights/dtype.h"

namespace vggroove::weights {

// One NumPy array. Strings (dtype <U or |S) come as `strings`, numbers as `tensor`.
struct NpyArray {
  Tensor tensor;
  std::vector<std::string> strings;
  bool is_text = false;
};

// .npy, versions 1-3, little endian, C or Fortran order (returned in C order). Object arrays are
// refused: they hold pickles. Lengths are checked against the file before anything is allocated.
NpyArray read_npy(const std::filesystem::path& path);
void write_npy(const std::filesystem::path& path, const Tensor& tensor);  // atomic

// .npz: a zip of .npy members, stored or deflated. Keys are member names without ".npy".
std::map<std::string, NpyArray> read_npz(const std::filesystem::path& path);
void write_npz(const std::filesystem::path& path, std::span<const Tensor> tensors);  // atomic

// The same in pieces: the arrays one after the other, each followed by exactly its bytes in C
// order. Stored, atomic on commit(). Throws Error: kUsage, kIo.
class NpzWriter {
 public:
  explicit NpzWriter(const std::filesystem::path& path);
  ~NpzWriter();
  NpzWriter(const NpzWriter&) = delete;
  NpzWriter& operator=(const NpzWriter&) = delete;

  void begin_array(const std::string& name, DType dtype, const Shape& shape);
  void append(std::span<const std::byte> bytes);
  // A whole array of text, dtype <U, shape [n]. Bytes that are not UTF-8 become U+FFFD; NUL
  // characters at the end of a text are lost, as everywhere in NumPy.
  void append_text(const std::string& name, std::span<const std::string> texts);
  void commit();

 private:
  struct Impl;
  std::unique_ptr<Impl> impl_;
};

}  // namespace vggroove::weights

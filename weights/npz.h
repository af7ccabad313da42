#pragma once

#include <filesystem>
#include <map>
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

}  // namespace vggroove::weights

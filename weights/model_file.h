#pragma once

#include <cstddef>
#include <cstdint>
#include <filesystem>
#include <memory>
#include <nlohmann/json.hpp>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "weights/dtype.h"

namespace vggroove::weights {

// What a model file says about itself; stored as JSON in the safetensors metadata under the key
// "vggroove". A model may hold the network, a head, or both.
struct ModelMetadata {
  std::string architecture;         // "vggish" (network, with or without a head) or "head"
  std::string origin;               // where the network's weights are from: "he-init", "released",
                                    // "imported", "finetuned"; empty in a file without a network
  std::vector<std::string> labels;  // genre names in the head's order; empty: no head
  nlohmann::json frontend;          // the log-mel constants the weights belong to
  nlohmann::json head;              // layout of the head: hidden units, clip decision, ...
  nlohmann::json training;          // the training record: data, seed, settings, scores
};

// Canonical tensor names and layouts: those of the original TensorFlow checkpoint.
//   vggish/conv1/weights [3,3,1,64] HWIO, vggish/conv1/biases [64], ... vggish/fc1/fc1_1/weights
//   [12288,4096] = [in,out], ... vggish/fc2/weights [4096,128]
//   head/mean [128], head/scale [128], head/hidden/weights [128,H], head/hidden/biases [H],
//   head/logits/weights [H or 128,K], head/logits/biases [K]
//   postprocess/pca_eigen_vectors [128,128], postprocess/pca_means [128]
struct TensorSpec {
  std::string_view name;
  std::vector<std::int64_t> shape;
};
const std::vector<TensorSpec>& vggish_tensors();  // the 18 tensors, in the network's order

// A model file, opened for reading. Only the header is read on opening (a few kB, checked for
// every length and overlap); tensors are read in pieces, so that nobody has to hold 289 MB twice.
class ModelFile {
 public:
  // Throws Error: kNotFound, kUnreadable, kEmpty, kCorrupt (with the byte offset), kUnsupported.
  static ModelFile open(const std::filesystem::path& path);

  ModelFile(ModelFile&&) noexcept;
  ModelFile& operator=(ModelFile&&) noexcept;
  ~ModelFile();

  const std::filesystem::path& path() const;
  const ModelMetadata& metadata() const;
  std::vector<TensorHeader> tensors() const;  // all, in the file's order
  bool has(std::string_view name) const;
  bool has_network() const;  // all of vggish_tensors(), with the right shapes
  bool has_head() const;
  bool has_postprocess() const;
  const Shape& shape_of(std::string_view name) const;  // throws Error(kCorrupt) where it is missing

  // Elements [first, first + out.size()) of a floating-point tensor in row-major order, converted
  // to fp32. Safe to call from several threads.
  void read(std::string_view name, std::int64_t first, std::span<float> out) const;
  std::vector<float> read_all(std::string_view name) const;

 private:
  struct Impl;
  explicit ModelFile(std::unique_ptr<Impl> impl);
  std::unique_ptr<Impl> impl_;
};

// Writes a model file in pieces, so that nobody has to hold all of it: the metadata and the shapes
// first, then the values of each tensor in that order, row-major. The file appears on commit().
class ModelFileWriter {
 public:
  struct Entry {
    std::string name;
    Shape shape;
  };
  // Throws Error(kUsage) where the entries do not make a model that ModelFile::open would take,
  // and Error(kIo).
  ModelFileWriter(const std::filesystem::path& path, const ModelMetadata& metadata,
                  std::span<const Entry> entries);
  ModelFileWriter(ModelFileWriter&&) noexcept;
  ModelFileWriter& operator=(ModelFileWriter&&) noexcept;
  ~ModelFileWriter();

  void append(std::span<const float> values);
  void append(std::span<const std::byte> bytes);  // the same as little-endian fp32
  // Throws Error(kUsage) where more or fewer values came than the shapes need.
  void commit();

 private:
  struct Impl;
  std::unique_ptr<Impl> impl_;
};

// Writes a model file atomically. `tensors` are F32 in the canonical layouts.
void write_model_file(const std::filesystem::path& path, const ModelMetadata& metadata,
                      std::span<const Tensor> tensors);

}  // namespace vggroove::weights

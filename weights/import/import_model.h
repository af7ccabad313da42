#pragma once

#include <filesystem>
#include <nlohmann/json.hpp>
#include <string>
#include <vector>

#include "weights/import/tensor_source.h"

namespace vggroove::weights {

struct ImportRequest {
  std::filesystem::path file;        // a network, PCA parameters, or both
  std::filesystem::path pca_file;    // more PCA parameters to put beside the network; empty: none
  std::filesystem::path base_model;  // where `file` has only PCA parameters: the model they go to
  bool is_released = false;          // the network is known to be the released one
  nlohmann::json frontend;           // the log-mel constants, for the metadata
};

struct ImportReport {
  std::string origin;  // as in ModelMetadata
  bool has_postprocess = false;
  std::vector<std::string> ignored;  // tensors of `file` that are not VGGish's
};

// Reads the tensors of another program's file (open_source.h), checks that they are VGGish's,
// brings them into the canonical names, layouts and fp32 and writes a model file. Takes the names
// of TensorFlow, torchvggish and torchaudio. Holds one tensor at a time, twice (2 x 201 MB).
//
// The origin is "released" where the request says so or the file is torchvggish's release (its name
// there carries the first 32 bits of its SHA-256, which are compared), else "imported".
//
// Throws Error: kUnsupported where tensors are missing or of other shapes (listing them), kInvalid
// where a value is NaN or infinite, kUsage where the request does not fit the files, and what the
// readers and ModelFileWriter throw.
ImportReport import_model(const ImportRequest& request, const std::filesystem::path& out);

// Which tensors of a file are the network's, and which are PCA parameters.
struct NetworkTensors {
  std::vector<std::string> names;    // in the order of vggish_name_map(); all 18, or empty
  std::vector<std::string> ignored;  // neither the network's nor PCA parameters
  std::string pca_eigen_vectors;     // empty: none
  std::string pca_means;
  bool has_torch_layout = false;
};

// Throws Error(kUnsupported) where some of the network's tensors are there, but not all, or where
// their shapes or types are not VGGish's; with neither network nor PCA parameters as well.
NetworkTensors match_tensors(const TensorSource& source);

}  // namespace vggroove::weights

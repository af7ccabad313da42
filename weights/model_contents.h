#pragma once

#include <functional>
#include <map>
#include <string>
#include <string_view>

#include "base/error.h"
#include "weights/model_file.h"

namespace vggroove::weights {

// Which parts the tensors of a file make up.
struct ModelParts {
  bool network = false;
  bool head = false;
  bool postprocess = false;
};

using ShapesByName = std::map<std::string, Shape, std::less<>>;

// Checks that the tensors make a model of `metadata.architecture`: all of the network's tensors
// with its shapes, a head whose shapes fit each other and the labels. Tensors of other names are
// ignored. Throws Error(error_class); `file` begins the message.
ModelParts check_model_contents(const std::string& file, const ModelMetadata& metadata,
                                const ShapesByName& shapes, ErrorClass error_class);

// The metadata as the text under the key "vggroove", and back. The latter throws Error: kCorrupt,
// or kUnsupported where a later version wrote it.
std::string metadata_to_text(const ModelMetadata& metadata);
ModelMetadata metadata_from_text(const std::string& file, const std::string& text);

}  // namespace vggroove::weights

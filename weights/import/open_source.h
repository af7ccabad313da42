#pragma once

#include <filesystem>
#include <memory>
#include <string_view>

#include "weights/import/tensor_source.h"

namespace vggroove::weights {

// Opens a file of another program, told by its content, not by its name:
//   TensorFlow checkpoints, V1 (one file) and V2 (PREFIX or PREFIX.index), .pth of both kinds,
//   .npz, .safetensors.
// Throws Error: kNotFound, kUnreadable, kEmpty, kCorrupt, kUnsupported (with what to do instead).
std::unique_ptr<TensorSource> open_tensor_source(const std::filesystem::path& path);

}  // namespace vggroove::weights

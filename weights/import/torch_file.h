#pragma once

#include <filesystem>
#include <memory>

#include "weights/import/tensor_source.h"

namespace vggroove::weights {

// What torch.save writes (.pth, .pt): a state dictionary of tensors or of NumPy arrays. See
// pickle.h for what is refused.

// Since PyTorch 1.6: a zip with the pickle NAME/data.pkl and a member NAME/data/KEY for each
// storage.
std::unique_ptr<TensorSource> open_torch_zip(const std::filesystem::path& path);

// Before (and with _use_new_zipfile_serialization=False): five pickles - magic number, protocol,
// machine, object, storage keys - then each storage's length and bytes.
std::unique_ptr<TensorSource> open_torch_legacy(const std::filesystem::path& path);

}  // namespace vggroove::weights

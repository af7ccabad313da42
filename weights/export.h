#pragma once

#include <filesystem>

#include "weights/model_file.h"

namespace vggroove::weights {

// Each writes the floating-point tensors of `model` as fp32, atomically and in pieces: memory stays
// below 60 MB. Throws Error: kIo, and kUsage where the model lacks what the format is for.

// Canonical names and layouts and the model's metadata: a model file again.
void export_safetensors(const ModelFile& model, const std::filesystem::path& path);

// One array per tensor, keys are the canonical names: numpy.load(path)["vggish/conv1/weights"].
void export_npz(const ModelFile& model, const std::filesystem::path& path);

// The network's state dict as torchvggish's VGGish module loads it, in the zip form of torch.save:
// torch.load(path, weights_only=True). PyTorch's layouts; a head is left out.
void export_torch(const ModelFile& model, const std::filesystem::path& path);

}  // namespace vggroove::weights

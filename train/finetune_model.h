#pragma once

#include <cstdint>
#include <filesystem>
#include <nlohmann/json.hpp>
#include <span>
#include <vector>

#include "engine/device/communicator.h"
#include "engine/heads/dense_head.h"
#include "engine/nets/vggish_training.h"
#include "train/feature_set.h"
#include "train/finetune.h"
#include "weights/model_file.h"

namespace vggroove {

// The body's parameters of a model file. Throws Error(kInvalid) where the model holds no network.
void load_body(VggishTraining& net, const weights::ModelFile& model);

// A head's parameters and standardisation; its shape is the network's.
void load_head(VggishTraining& net, const DenseHead& head);

// A head to begin with: standardises the embeddings of the rows of `clips` as the network gives
// them, He's initial weights in the hidden layer, logits of 0. Each of `processes` takes its part
// of the clips; all get the same head.
DenseHead initial_head(VggishTraining& net, const FeatureSet& logmels,
                       std::span<const std::size_t> clips, std::uint64_t seed,
                       Communicator& processes = single_process());

// `head` with the network's parameters in the place of its own.
DenseHead trained_head(VggishTraining& net, const DenseHead& head);

// Writes all of `base` with the layers from `first_layer` up, and the head, as the network has
// them: atomically. With trained layers in the body its origin is "finetuned", and the PCA
// parameters, which belong to other embeddings, are left out. Throws Error(kIo).
void write_finetuned_model(const std::filesystem::path& path, const weights::ModelFile& base,
                           VggishTraining& net, std::size_t first_layer, const DenseHead& head,
                           nlohmann::json training);

nlohmann::json epochs_to_json(std::span<const FinetuneEpoch> epochs);
// The same epochs to the last bit. Throws nlohmann::json::exception.
std::vector<FinetuneEpoch> epochs_from_json(const nlohmann::json& json);

}  // namespace vggroove

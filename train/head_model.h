#pragma once

#include <filesystem>
#include <nlohmann/json.hpp>

#include "engine/heads/dense_head.h"
#include "train/head_fit.h"
#include "weights/model_file.h"

namespace vggroove {

// Writes a model file, atomically: all of `base` but its head (null: nothing, the file is then a
// head on its own), and `head`. `training` becomes the training record of the metadata.
// Throws Error: kUsage (the head does not take what the base's network gives), kIo.
void write_head_model(const std::filesystem::path& path, const weights::ModelFile* base,
                      const DenseHead& head, nlohmann::json training);

// The settings and the members' results as a training record holds them.
nlohmann::json settings_to_json(const HeadFitOptions& options);
nlohmann::json members_to_json(const std::vector<FittedHead::Member>& members);

}  // namespace vggroove

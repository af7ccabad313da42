#pragma once

#include <nlohmann/json.hpp>

#include "weights/model_file.h"

namespace vggroove {

// The constants of the log-mel front end as a model file records them.
nlohmann::json frontend_metadata();

// Throws Error(kUnsupported) naming the constant where the model's weights belong to another front
// end than ours. A model that records none passes: files of other programs do not.
void check_frontend(const weights::ModelFile& model);

}  // namespace vggroove

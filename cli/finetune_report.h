#pragma once

#include <filesystem>
#include <nlohmann/json.hpp>
#include <span>
#include <string>

#include "cli/report_folder.h"
#include "engine/nets/vggish_training.h"
#include "train/feature_set.h"
#include "train/finetune.h"

namespace vggroove::cli {

// What finetune --report writes: the learning curve, and how the model predicts the clips that
// chose its epoch. They are predicted anew, with `model` (as written by write_finetuned_model) in
// the place of the network's parameters. Throws Error(kIo), and what reading the model throws.
void write_finetune_report(const ReportFolder& folder, VggishTraining& net,
                           const std::filesystem::path& model, const FeatureSet& logmels,
                           std::span<const std::size_t> validation_clips,
                           std::span<const FinetuneEpoch> epochs, const std::string& data,
                           const nlohmann::json& training);

}  // namespace vggroove::cli

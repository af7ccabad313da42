#pragma once

#include <string>
#include <vector>

#include "cli/crossval_output.h"
#include "train/feature_set.h"

namespace vggroove::cli {

// What flatters the scores: duplicates on both sides of a fold are learned and tested, and so are
// groups; and a grid without selection tempts.
std::vector<std::string> warnings_of(const FeatureSet& features,
                                     const std::vector<CrossvalRun>& runs);

}  // namespace vggroove::cli

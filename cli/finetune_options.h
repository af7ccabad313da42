#pragma once

#include <CLI/CLI.hpp>
#include <string>
#include <vector>

#include "train/finetune_options.h"

namespace vggroove::cli {

// What is trained and how: --layers, --head-epochs, --optimizer, --lr, ...
void add_finetune_options(CLI::App& verb, FinetuneOptions& options);

// The same without those that the training of heads has too: --epochs, --patience, --batch, --seed,
// --lr, --weight-decay, --dropout and --label-smoothing. `heading` stands before the names of their
// groups in the help. Returns their names.
std::vector<std::string> add_finetune_only_options(CLI::App& verb, FinetuneOptions& options,
                                                   const std::string& heading);

}  // namespace vggroove::cli

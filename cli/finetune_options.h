#pragma once

#include <CLI/CLI.hpp>

#include "train/finetune_options.h"

namespace vggroove::cli {

// What is trained and how: --layers, --head-epochs, --optimizer, --lr, ...
void add_finetune_options(CLI::App& verb, FinetuneOptions& options);

}  // namespace vggroove::cli
